"""Other kernels than this machine's: the object loads, a death is seen at once, its cause told."""
import glob
import os
import re
import shutil

import pytest

import image
from process import ROOT
from qemu import Guest
from subject import TOLLD, Ports, Timing, write_settings

BOOT_S = 240


# The unit programs whose other side is the kernel itself.
UNITS = sorted(glob.glob(os.path.join(ROOT, "tests/unit/watch/*.c")))
BUILD = os.path.join(ROOT, "build")


def build_payload(tree):
    image.copy_program(TOLLD, tree)
    image.copy_library("libgcc_s.so.1", tree)  # which pthread_exit() loads when it is called
    for source in UNITS:
        program = os.path.relpath(source, ROOT)[:-2]
        image.copy_program(os.path.join(BUILD, program), tree, os.path.dirname(program))
    for source in glob.glob(os.path.join(ROOT, "tests/helpers/*.c")):
        program = os.path.relpath(source, ROOT)[:-2]
        image.copy_program(os.path.join(BUILD, program), tree, os.path.dirname(program))
    os.makedirs(os.path.join(tree, "etc/tolld"))
    # The interval is long: what is seen sooner was told by the watch, not found by asking.
    write_settings(os.path.join(tree, "etc/tolld"), Ports(), Timing(scrape_interval="15s", evaluation_interval="15s",
                                                                   hold="1h", metrics_path="/metrics.txt"))
    with open(os.path.join(tree, "etc/passwd"), "w") as f:
        f.write("root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")
    with open(os.path.join(tree, "etc/group"), "w") as f:
        f.write("root:x:0:\nnogroup:x:65534:\n")
    with open(os.path.join(tree, "etc/hosts"), "w") as f:
        f.write("127.0.0.1 localhost\n")
    shutil.copy2(os.path.join(os.path.dirname(os.path.abspath(__file__)), "run-kernel"), os.path.join(tree, "run-test"))
    return tree


@pytest.fixture(scope="module", params=sorted(image.KERNELS))
def guest(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kernel")
    kernel = image.kernel(request.param)
    tree = build_payload(str(folder / "payload"))
    initrd = image.initramfs(kernel, tree, str(folder / "initrd"), image.INIT)
    guest = Guest(folder, image.vmlinuz(kernel), initrd, "guest=run")
    guest.series = request.param
    guest.run(BOOT_S)
    assert "\nexit 0\n" in guest.results(), guest.tail()
    return guest


def test_the_kernel_is_the_one_asked_for_and_has_btf(guest):
    assert guest.values()["kernel"].startswith(guest.series + ".")
    assert guest.values()["btf"] == "yes"


def test_the_program_starts_there(guest):
    assert re.match(r"tolld, version \d+\.\d+\.\d+ \(", guest.values()["version"]), guest.tail()


@pytest.mark.parametrize("name", [os.path.basename(u)[:-2] for u in UNITS])
def test_the_unit_program_passes_on_that_kernel(guest, name):
    own = [l for l in guest.results().splitlines() if l.startswith(f"watch/{name}: ")]
    assert f"unit watch/{name}: 0" in guest.results().splitlines(), "\n".join(own)
    assert any("[  PASSED  ]" in l for l in own), "\n".join(own)
    assert not [l for l in own if "SKIPPED:" in l], "\n".join(own)


def test_a_death_is_seen_at_once_and_its_cause_told(guest):
    values = guest.values()
    assert values.get("up") == "yes", guest.tail()
    # The interval is 15 s: this was no scrape's doing.
    assert int(values["seen_after_cs"]) <= 200, guest.tail()
    assert "SIGKILL" in values["cause"]
    assert values["exit"] == "0", guest.tail()


def test_maps_are_pinned_while_it_runs_and_not_after(guest):
    assert guest.values()["pinned"].strip(), guest.tail()
    assert guest.values()["pinned_after"].strip() == ""
