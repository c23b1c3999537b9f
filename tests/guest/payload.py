"""What is laid over the guest's root before it starts: tolld as `make install` leaves it, scenarios, settings.

A scenario is one file of scenarios/: functions test_*(machine), run inside the guest one after the
other (machine: inside.py), and what they need there, each of these only where it is wanted:

    UNITS = {"greedy.service": "[Unit]..."}   unit files, drop-ins too
    ENABLED = ("greedy.service",)             those of them that run from the boot on
    FILES = {"/opt/greedy.py": "..."}         other files
    WATCH = "  - service: greedy\\n..."       more of `watch:` in tolld.yml
    RULES = "    - alert: Greedy\\n..."       more rules, beside InstanceDown with `for: 3s`
    LAST = True                               it takes tolld down

A file imports only what the guest has: inside.py, process.py, Python itself. Everything runs in one boot
and is emulated, so it should take seconds: `tests/run check --only guest -k greedy` runs one alone.
"""
import glob
import importlib.util
import os
import shutil
import subprocess

from process import ROOT
from subject import SETTINGS, Ports, Timing, write_settings

HERE = os.path.dirname(os.path.abspath(__file__))
FOR_S, GROUP_WAIT_S = 3, 1  # scenarios/stop.py knows them
# A guest is there for its scenarios: nothing else needs to start, and no console is logged in to.
MASKED = ("getty@tty1.service", "serial-getty@ttyS0.service", "serial-getty@ttyS1.service", "getty-static.service",
          "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
          "e2scrub_reap.service", "fstrim.timer", "prometheus-node-exporter.service",
          "prometheus-node-exporter-apt.timer", "prometheus-node-exporter-ipmitool-sensor.timer",
          "prometheus-node-exporter-mellanox-hca-temp.timer", "prometheus-node-exporter-nvme.timer",
          "prometheus-node-exporter-smartmon.timer", "systemd-udev-settle.service", "systemd-binfmt.service",
          "proc-sys-fs-binfmt_misc.automount")

SCENARIO = """\
[Unit]
Description=The scenarios of the test
After=multi-user.target
[Service]
Type=oneshot
Environment=PYTHONUNBUFFERED=1
ExecStart=/usr/bin/python3 /opt/guest/scenario.py
ExecStopPost=/usr/bin/systemctl poweroff --force --force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
"""

def write(tree, path, text):
    target = os.path.join(tree, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w") as f:
        f.write(text)


def link(tree, path, target):
    os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
    os.symlink(target, os.path.join(tree, path))


def scenarios(chosen=None):
    """The scenario files, as modules by name; `chosen` names the wanted ones."""
    found = {}
    for path in sorted(glob.glob(os.path.join(HERE, "scenarios", "*.py"))):
        name = os.path.basename(path)[:-3]
        if chosen is None or name in chosen:
            spec = importlib.util.spec_from_file_location(f"scenario_{name}", path)
            found[name] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(found[name])
    return found


def settings(tree, timing, modules):
    """The three files, and a tolld.yml that is the first two in one, as the unit reads it."""
    folder = os.path.join(tree, "etc/tolld")
    os.makedirs(folder)
    write_settings(folder, Ports(), timing)
    prometheus, alertmanager = (open(os.path.join(folder, n)).read() for n in (SETTINGS[0], SETTINGS[2]))
    # One `global` for both: the keys of the second under that of the first.
    merged = prometheus.replace("global:\n", "global:\n" + alertmanager.split("global:\n")[1].split("route:\n")[0])
    watch = "".join(getattr(m, "WATCH", "") for m in modules)
    route = "route:\n" + alertmanager.split("route:\n")[1]
    if watch:
        # Many of them are down from the start: mails about the target are to be about nothing else.
        route = route.replace("route:\n", "route:\n  routes: [{matchers: ['job=\"watch\"'], group_by: [service]}]\n")
        route += "watch:\n" + watch
    with open(os.path.join(folder, "tolld.yml"), "w") as f:
        f.write(merged + route)


def build(tree, modules):
    settings(tree, Timing(scrape_interval="15s", evaluation_interval="15s", hold=f"{FOR_S}s",
                          group_wait=f"{GROUP_WAIT_S}s", rules="".join(getattr(m, "RULES", "") for m in modules)),
             modules)
    done = subprocess.run(["make", "--no-print-directory", "-C", ROOT, "install", f"DESTDIR={tree}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"make install failed:\n{done.stdout}{done.stderr}"
    # Debian's /lib is a link: a folder of that name would replace it.
    if os.path.isdir(os.path.join(tree, "lib")):
        shutil.copytree(os.path.join(tree, "lib"), os.path.join(tree, "usr/lib"), dirs_exist_ok=True)
        shutil.rmtree(os.path.join(tree, "lib"))

    place = os.path.join(tree, "opt/guest")
    os.makedirs(os.path.join(place, "scenarios"))
    support = os.path.join(ROOT, "tests/support")
    for source in (*(os.path.join(HERE, n) for n in ("scenario.py", "inside.py")),
                   *(os.path.join(support, n) for n in ("mailbox.py", "mail_server.py", "process.py"))):
        shutil.copy2(source, place)
    for module in modules:
        shutil.copy2(module.__file__, os.path.join(place, "scenarios"))
        for path, text in getattr(module, "FILES", {}).items():
            write(tree, path.lstrip("/"), text)

    units = "etc/systemd/system"
    write(tree, f"{units}/scenario.service", SCENARIO)
    for module in modules:
        for name, text in getattr(module, "UNITS", {}).items():
            write(tree, f"{units}/{name}", text)
    for unit in ("scenario.service", *(u for m in modules for u in getattr(m, "ENABLED", ()))):
        link(tree, f"{units}/multi-user.target.wants/{unit}", f"/{units}/{unit}")
    for unit in MASKED:
        link(tree, f"{units}/{unit}", "/dev/null")
    # A machine with an identity does not take its start for its first.
    write(tree, "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    write(tree, "etc/hostname", "guest\n")
    write(tree, "etc/hosts", "127.0.0.1 localhost guest\n::1 localhost\n")
    return tree
