"""Runs inside the systemd guest: every scenario of /opt/guest/scenarios, and tells the host how each test went.

What it says goes to the second serial port: a JSON object a test, and whatever the tests print.
"""
import glob
import importlib.util
import json
import os
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from inside import Machine  # noqa: E402
from mailbox import Mailbox  # noqa: E402


def load(path):
    spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tell(name, fn, *args):
    """Runs a test and tells how it went; true where it passed."""
    begun = time.monotonic()
    try:
        fn(*args)
        text = None
    except Exception:  # whatever it was, the host must read it
        text = traceback.format_exc()
    print(json.dumps({"test": name, "failure": text, "took_s": round(time.monotonic() - begun, 3)}), flush=True)
    return text is None


def start(machine):
    machine.systemctl("start", "tolld")
    assert machine.show("tolld", "ActiveState") == "active"


def main():
    modules = [load(path) for path in sorted(glob.glob(os.path.join(HERE, "scenarios", "*.py")))]
    with Mailbox(2587, "/run") as box:
        machine = Machine(box)
        if tell("start", start, machine):
            # Those that take tolld down come when nobody needs it any more.
            for module in sorted(modules, key=lambda m: getattr(m, "LAST", False)):
                for name, fn in list(vars(module).items()):
                    if name.startswith("test_"):
                        tell(f"{module.__name__}::{name}", fn, machine)
        print("uptime", open("/proc/uptime").read().split()[0])
        print(machine.run("journalctl", "-u", "tolld", "-n", "200", "--no-pager", "-o", "cat", ok=False).stdout)
    print("done", flush=True)


main()
