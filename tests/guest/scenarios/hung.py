"""A service of which a process hangs in the kernel: its file system takes no writes for a while."""
import os
import time

HUNG, OVER = "4b1f1a6b0c5d4f1c9a53b1c7d6a2e80f", "9d0c2e7a4f3b48d1b6e5a8f07c1d3b92"
DISK, PLACE = "/run/u-hung.img", "/run/u-hung"
TIMEOUT = "/proc/sys/kernel/hung_task_timeout_secs"
# The one that writes is not the main process, and runs another program: only its control group says whose it is.
UNITS = {"u-hung.service": f"""\
[Service]
ExecStart=/bin/sh -c 'while echo x; do sleep 0.1; done | tee -a {PLACE}/log > /dev/null'
"""}
WATCH = "  - service: hung\n    unit: u-hung.service\n"


def entries(machine, message_id):
    return machine.journal("-u", "tolld", "TOLLD_SERVICE=hung", f"MESSAGE_ID={message_id}")


def hung(machine):
    return machine.value('tolld_service_hung_tasks{service="hung"}')


def test_a_process_that_hangs_is_told_as_soon_as_the_kernel_says_so(machine):
    with open(TIMEOUT) as f:
        before = f.read()
    os.makedirs(PLACE)
    with open(DISK, "wb") as f:
        f.truncate(16 << 20)
    machine.run("mke2fs", "-q", "-F", DISK)
    machine.run("mount", "-t", "ext4", "-o", "loop", DISK, PLACE)
    machine.systemctl("start", "u-hung")
    machine.wait("it writes", lambda: os.path.exists(f"{PLACE}/log") and os.path.getsize(f"{PLACE}/log") > 4)
    machine.wait("it is seen not to hang", lambda: hung(machine) == "0")
    begun = time.monotonic()
    machine.run("fsfreeze", "--freeze", PLACE)
    try:
        with open(TIMEOUT, "w") as f:
            f.write("2")
        machine.wait("it is seen to hang", lambda: hung(machine) == "1")
        # Without the kernel's word that takes half a minute, and the next pass.
        assert time.monotonic() - begun < 28
        entry = machine.wait("the journal has it", lambda: entries(machine, HUNG))[0]
    finally:
        with open(TIMEOUT, "w") as f:
            f.write(before)
        machine.run("fsfreeze", "--unfreeze", PLACE)
    event = machine.events("hung")[0]
    assert event["kind"] == "hung" and str(event["hang"]["thread"]) == entry["TOLLD_THREAD"], event
    assert event["hang"]["waitsIn"] == entry["TOLLD_WAITS_IN"], event
    assert entry["PRIORITY"] == "4" and entry["TOLLD_THREADS"] == "1", entry
    with open(f"/proc/{entry['TOLLD_PID']}/comm") as f:
        assert f.read() == "tee\n"
    assert entry["TOLLD_WAITS_IN"] and entry["TOLLD_WAITS_IN"] in entry["MESSAGE"], entry


def test_that_it_goes_on_is_told_too(machine):
    machine.wait("the journal has it", lambda: entries(machine, OVER))
    assert hung(machine) == "0" and len(entries(machine, HUNG)) == 1
    assert machine.value('up{service="hung"}') == "1"
    assert machine.events("hung")[0]["kind"] == "hung_over"
    assert "waits for the kernel in " in machine.run("tolld", "status", "hung").stdout
    machine.systemctl("stop", "u-hung")
    machine.run("umount", PLACE)
