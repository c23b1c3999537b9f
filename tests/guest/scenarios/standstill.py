"""Units that live and stand still: frozen by systemd, stopped by a signal."""
UNITS = {"u-still.service": "[Service]\nExecStart=/bin/sh -c 'while sleep 0.2; do :; done'\n"}
WATCH = "  - service: still\n    unit: u-still.service\n"


def stopped(machine):
    return machine.value('tolld_service_stopped{service="still"}')


def said(machine):
    return machine.run("tolld", "status", "still").stdout


def test_a_unit_that_is_frozen_stands_still_until_it_is_thawed(machine):
    machine.systemctl("start", "u-still")
    machine.wait("it goes on", lambda: stopped(machine) == "0" and machine.value('up{service="still"}') == "1")
    machine.systemctl("freeze", "u-still")
    machine.wait("it stands still", lambda: stopped(machine) == "1")
    assert "  standstill  its control group is frozen\n" in said(machine)
    machine.systemctl("thaw", "u-still")
    machine.wait("it goes on again", lambda: stopped(machine) == "0")
    assert "standstill" not in said(machine)


def test_a_unit_whose_main_process_is_stopped_stands_still(machine):
    pid = machine.pid("u-still")
    machine.systemctl("kill", "--kill-who=main", "--signal=STOP", "u-still")
    machine.wait("it stands still", lambda: stopped(machine) == "1")
    assert f"  standstill  its process {pid} is stopped (SIGSTOP or the like)\n" in said(machine)
    assert machine.value('up{service="still"}') == "1"
    machine.systemctl("kill", "--kill-who=main", "--signal=CONT", "u-still")
    machine.wait("it goes on again", lambda: stopped(machine) == "0")
    machine.systemctl("stop", "u-still")
