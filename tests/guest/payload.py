"""What is laid over the guest's root before it starts: tolld as `make install` leaves it, the scenario, settings."""
import os
import shutil
import subprocess

from process import ROOT
from subject import SETTINGS, Ports, Timing, write_settings

# A guest is there for one scenario: nothing else needs to start, and no console is logged in to.
MASKED = ("getty@tty1.service", "serial-getty@ttyS0.service", "serial-getty@ttyS1.service", "getty-static.service",
          "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
          "e2scrub_reap.service", "fstrim.timer", "prometheus-node-exporter.service",
          "prometheus-node-exporter-apt.timer", "prometheus-node-exporter-ipmitool-sensor.timer",
          "prometheus-node-exporter-mellanox-hca-temp.timer", "prometheus-node-exporter-nvme.timer",
          "prometheus-node-exporter-smartmon.timer", "systemd-udev-settle.service", "systemd-binfmt.service",
          "proc-sys-fs-binfmt_misc.automount")

NODE_EXPORTER = """\
[Unit]
Description=node_exporter as its owner installed it
[Service]
ExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=:9100
User=nobody
[Install]
WantedBy=multi-user.target
"""

SCENARIO = """\
[Unit]
Description=The scenario of the test
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

# The unit's own half minute is right for a machine, and long for a test.
WATCHDOG = """\
[Service]
WatchdogSec=5
"""


def write(tree, path, text):
    target = os.path.join(tree, path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "w") as f:
        f.write(text)


def link(tree, path, target):
    os.makedirs(os.path.dirname(os.path.join(tree, path)), exist_ok=True)
    os.symlink(target, os.path.join(tree, path))


def settings(tree, timing):
    """The three files, and a tolld.yml that is the first two in one, as the unit reads it."""
    folder = os.path.join(tree, "etc/tolld")
    os.makedirs(folder)
    write_settings(folder, Ports(), timing)
    prometheus, alertmanager = (open(os.path.join(folder, n)).read() for n in (SETTINGS[0], SETTINGS[2]))
    # One `global` for both: the keys of the second under that of the first.
    merged = prometheus.replace("global:\n", "global:\n" + alertmanager.split("global:\n")[1].split("route:\n")[0])
    with open(os.path.join(folder, "tolld.yml"), "w") as f:
        f.write(merged + "route:\n" + alertmanager.split("route:\n")[1])


def build(tree, timing=Timing(scrape_interval="15s", evaluation_interval="15s", hold="10s", group_wait="5s",
                              group_interval="10s")):
    settings(tree, timing)
    done = subprocess.run(["make", "--no-print-directory", "-C", ROOT, "install", f"DESTDIR={tree}"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, f"make install failed:\n{done.stdout}{done.stderr}"
    # Debian's /lib is a link: a folder of that name would replace it.
    if os.path.isdir(os.path.join(tree, "lib")):
        shutil.copytree(os.path.join(tree, "lib"), os.path.join(tree, "usr/lib"), dirs_exist_ok=True)
        shutil.rmtree(os.path.join(tree, "lib"))

    here = os.path.dirname(os.path.abspath(__file__))
    support = os.path.join(ROOT, "tests/support")
    for source in (os.path.join(here, "scenario.py"), os.path.join(support, "mailbox.py"),
                   os.path.join(support, "mail_server.py"), os.path.join(support, "process.py")):
        os.makedirs(os.path.join(tree, "opt/guest"), exist_ok=True)
        shutil.copy2(source, os.path.join(tree, "opt/guest"))

    units = "etc/systemd/system"
    write(tree, f"{units}/node_exporter.service", NODE_EXPORTER)
    write(tree, f"{units}/scenario.service", SCENARIO)
    write(tree, f"{units}/tolld.service.d/watchdog.conf", WATCHDOG)
    for unit in ("node_exporter.service", "scenario.service"):
        link(tree, f"{units}/multi-user.target.wants/{unit}", f"/{units}/{unit}")
    for unit in MASKED:
        link(tree, f"{units}/{unit}", "/dev/null")
    # A machine with an identity does not take its start for its first.
    write(tree, "etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    write(tree, "etc/hostname", "guest\n")
    write(tree, "etc/hosts", "127.0.0.1 localhost guest\n::1 localhost\n")
    return tree
