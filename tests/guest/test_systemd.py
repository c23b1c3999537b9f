"""A whole Debian with systemd, where `systemctl stop` is what takes the service down.

One boot serves all tests of this file: each looks at one thing that the scenario saw.
"""
import json

import pytest

import image
import payload
from machine import PC
from qemu import Guest

BOOT_S = 420  # the whole scenario, emulated


@pytest.fixture(scope="module")
def guest(tmp_path_factory):
    folder = tmp_path_factory.mktemp("systemd")
    tree = payload.build(str(folder / "payload"))
    initrd = image.initramfs(PC, tree, str(folder / "initrd"))
    guest = Guest(folder, "systemd", PC, image.vmlinuz(PC), initrd, "guest=systemd", disk=image.root_disk(), memory_mb=1024)
    guest.run(BOOT_S)
    assert "\ndone\n" in guest.results(), guest.tail()
    return guest


@pytest.fixture
def values(guest):
    values = guest.values()
    assert "error" not in values, guest.tail()
    assert values.get("start_exit") == "0", guest.tail()
    return values


@pytest.fixture
def journal(guest):
    return [json.loads(l[len("journal "):]) for l in guest.results().splitlines() if l.startswith("journal {")]


def test_the_unit_starts_and_says_that_it_is_ready(values):
    assert values["active"] == "active"


def test_a_stopped_service_brings_one_mail_after_for_and_group_wait(values):
    assert values["stop_exit"] == "0"
    assert values["mail_subject"] == "[FIRING:1] InstanceDown (localhost:9100 node)"
    # for: 10s and group_wait: 5s; emulation is slow, so the upper bound is a wide one.
    assert 15.0 <= float(values["mail_after_s"]) <= 25.0 + float(values["stop_took_s"])
    assert values["mails"] == "1"


def test_the_mail_says_that_systemd_stopped_it(values):
    assert "SIGTERM" in values["mail_body"]
    assert "systemd" in values["mail_body"]


def test_the_alert_ends_when_the_service_is_started_again(values):
    assert values["alert_over"] == "yes"


def test_a_reload_keeps_the_process(values):
    assert values["reload_exit"] == "0"
    assert values["reload_kept_pid"] == "yes"


def test_it_gives_up_what_it_no_longer_needs(values):
    SYS_ADMIN, NET_ADMIN, SYS_MODULE = 21, 12, 16
    effective = int(values["cap_eff"], 16)
    assert not effective & (1 << SYS_ADMIN | 1 << NET_ADMIN | 1 << SYS_MODULE)
    assert values["no_new_privs"] == "1"


def test_the_fence_around_the_unit_is_narrow(values):
    # systemd's own scale: below 3 is "OK", plain root services stand at 9.6.
    assert float(values["exposure"]) < 3.0


def test_its_maps_are_pinned_while_it_runs_and_gone_after(values):
    assert values["pinned"]
    assert values["pins_left"] == ""


def test_the_watchdog_restarts_it_when_it_hangs(values):
    assert values["watchdog_restarted"] == "yes"


def test_it_ends_when_asked(values):
    assert values["end_exit"] == "0"
    assert values["end_result"] == "success"
    assert float(values["end_took_s"]) < 5


def test_the_journal_tells_the_death_and_its_cause(journal):
    messages = [str(e.get("MESSAGE")) for e in journal]
    assert any("SIGTERM" in m and "systemd" in m for m in messages), "\n".join(messages)
