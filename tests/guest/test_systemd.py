"""A whole Debian with systemd, where `systemctl stop` is what takes the service down.

One boot serves all: each test here is one that ran in the guest. How to add one: payload.py.
"""
import json

import pytest

import image
import payload
from machine import PC
from qemu import Guest

BOOT_S = 600  # all of it, emulated, on a machine that does other things as well
TESTS = ["start"] + [f"{file}::{name}" for file, module in payload.scenarios().items()
                     for name in vars(module) if name.startswith("test_")]


@pytest.fixture(scope="module")
def guest(request, tmp_path_factory):
    # Only what was chosen is run.
    chosen = {item.callspec.params["name"].split("::")[0] for item in request.session.items
              if item.path == request.path}
    folder = tmp_path_factory.mktemp("systemd")
    tree = payload.build(str(folder / "payload"), list(payload.scenarios(chosen).values()))
    initrd = image.initramfs(PC, tree, str(folder / "initrd"))
    guest = Guest(folder, "systemd", PC, image.vmlinuz(PC), initrd, "guest=systemd", disk=image.root_disk(),
                  memory_mb=1024)
    guest.run(BOOT_S)
    assert "\ndone\n" in guest.results(), guest.tail()
    guest.reports = {r["test"]: r for r in map(json.loads, (l for l in guest.results().splitlines()
                                                           if l.startswith('{"test": ')))}
    return guest


@pytest.mark.parametrize("name", TESTS)
def test_in_the_guest(guest, name):
    assert name in guest.reports, guest.tail()
    if guest.reports[name]["failure"]:
        pytest.fail(f"{guest.reports[name]['failure']}\n{guest.tail()}", pytrace=False)
