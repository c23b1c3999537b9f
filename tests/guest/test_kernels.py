"""Other kernels and processors than this machine's: deaths told as waitpid() does, seen, explained and mailed."""
import glob
import os
import re
import shutil
import subprocess

import pytest

import image
from machine import MACHINES
from process import ROOT
from qemu import Guest
from subject import Ports, Timing, write_settings

HERE = os.path.dirname(os.path.abspath(__file__))
RUN_S = 900  # emulated, on a machine that does other things as well
# The unit programs whose other side is the kernel itself.
UNITS = sorted(os.path.basename(p)[:-2] for p in glob.glob(os.path.join(ROOT, "tests/unit/watch/*.c")))
BACKENDS = ("auto", "kernel", "pidfd", "poll")
NO_BTF = "no type information"

MAIL = """\
route:
  receiver: mail
  group_by: [alertname]
  group_wait: 0s
receivers:
  - name: mail
    email_configs:
      - {to: operator@example.org, from: watcher@example.org, smarthost: '127.0.0.1:2587', require_tls: false}
"""
FILES = {
    "etc/passwd": "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}


def build(machine):
    """The programs of a foreign machine; the native ones are there already."""
    if machine.native:
        return
    done = subprocess.run(["make", "--no-print-directory", "-C", ROOT, "-j2", f"CROSS_COMPILE={machine.triplet}-",
                           f"SYSROOT={image.sysroot(machine)}", "all", "helpers", "unit-watch"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def build_payload(machine, tree):
    build(machine)
    libraries = image.Libraries(machine)
    libraries.copy_program(machine.built("tolld"), tree)
    libraries.copy("libcurl-gnutls.so.4", tree)  # which tolld loads when it first needs it
    libraries.copy("libgcc_s.so.1", tree)  # which pthread_exit() loads when it is called
    for name in UNITS:
        libraries.copy_program(machine.built("tests/unit/watch", name), tree, "tests/unit/watch")
    for source in glob.glob(os.path.join(ROOT, "tests/helpers/*.c")):
        libraries.copy_program(machine.built("tests/helpers", os.path.basename(source)[:-2]), tree, "tests/helpers")
    settings = os.path.join(tree, "etc/tolld")
    os.makedirs(settings)
    # The interval is long: what is seen sooner was told by the watch, not found by asking.
    write_settings(settings, Ports(), Timing(scrape_interval="2m", evaluation_interval="2m", hold="0s",
                                             metrics_path="/metrics.txt"))
    for path, text in {**FILES, "etc/tolld/alertmanager.yml": MAIL}.items():
        with open(os.path.join(tree, path), "w") as f:
            f.write(text)
    shutil.copy2(os.path.join(HERE, "run-kernel"), os.path.join(tree, "run-test"))
    shutil.copy2(os.path.join(HERE, "mail-sink"), os.path.join(tree, "bin"))
    return tree


@pytest.fixture(scope="module", params=sorted(MACHINES))
def guest(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    machine = MACHINES[request.param]
    tree = build_payload(machine, str(folder / "payload"))
    initrd = image.initramfs(machine, tree, str(folder / "initrd"))
    guest = Guest(folder, request.param, machine, image.vmlinuz(machine), initrd, "guest=run")
    guest.series = request.param.split("-")[0]
    guest.machine = machine
    guest.run(RUN_S)
    assert "\nexit 0\n" in guest.results(), guest.tail()
    return guest


def test_the_machine_is_the_one_asked_for(guest):
    values = guest.values()
    assert values["kernel"].startswith(guest.series + ".")
    assert values["machine"][:3] == guest.machine.triplet[:3]
    assert values["btf"] == ("yes" if guest.machine.btf else "no")


def test_the_program_starts_there(guest):
    assert re.match(r"tolld, version \d+\.\d+\.\d+ \(", guest.values()["version"]), guest.tail()


@pytest.mark.parametrize("name", UNITS)
def test_the_unit_program_passes_on_that_kernel(guest, name):
    own = [l for l in guest.results().splitlines() if l.startswith(f"watch/{name}: ")]
    assert f"unit watch/{name}: 0" in guest.results().splitlines(), "\n".join(own)
    assert any("[  PASSED  ]" in l for l in own), "\n".join(own)
    left_out = [l for l in own if "SKIPPED:" in l]
    if not guest.machine.btf:
        left_out = [l for l in left_out if "the kernel backend" not in l or NO_BTF not in l]
    assert not left_out, "\n".join(own)


def test_the_best_backend_is_chosen_and_the_reason_is_told(guest):
    backend = guest.values()["auto.backend"]
    if guest.machine.btf:
        assert 'backend="kernel"' in backend
    else:
        assert 'backend="pidfd"' in backend
        assert "not kernel: " in backend and NO_BTF in backend
        assert "not kernel: " in guest.values()["auto.says"] and NO_BTF in guest.values()["auto.says"]


def uses_kernel(guest, backend):
    return guest.machine.btf and backend in ("auto", "kernel")


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_death_is_seen_and_its_mail_says_why(guest, backend):
    values = guest.values()
    if backend == "kernel" and not guest.machine.btf:
        assert f"{backend}.up" not in values
        assert values[f"{backend}.exit"] == "1"
        assert any(l.startswith("kernel log: ") and NO_BTF in l for l in guest.results().splitlines()), guest.tail()
        return
    assert values.get(f"{backend}.up") == "yes", guest.tail()
    # The interval is 2 minutes: this was no scrape's doing.
    assert int(values[f"{backend}.seen_after_cs"]) <= 1000, guest.tail()
    assert values[f"{backend}.mail"] == "Subject: [FIRING:1] InstanceDown (localhost:9100 node)"
    cause = values[f"{backend}.mail_cause"]
    if uses_kernel(guest, backend):
        assert "killed by SIGKILL from run-test" in cause
    elif backend == "poll":
        assert "SIGKILL" in cause or "does not see how" in cause
    else:
        assert "killed by SIGKILL (sender not known)" in cause
    assert values[f"{backend}.exit"] == "0", guest.tail()


@pytest.mark.parametrize("backend", BACKENDS)
def test_maps_are_pinned_while_it_runs_and_not_after(guest, backend):
    values = guest.values()
    assert bool(values[f"{backend}.pinned"].strip()) == uses_kernel(guest, backend)
    assert values[f"{backend}.pinned_after"].strip() == ""
