"""A service is stopped as its owner would stop it: one mail comes, says so, and the alert ends with a start."""
from inside import words
from process import boottime

UNITS = {"node_exporter.service": """\
[Unit]
Description=node_exporter as its owner installed it
[Service]
ExecStart=/usr/bin/prometheus-node-exporter --web.listen-address=:9100
User=nobody
[Install]
WantedBy=multi-user.target
"""}
ENABLED = ("node_exporter.service",)
SUBJECT = "[FIRING:1] InstanceDown (localhost:9100 node)"
FOR_S, GROUP_WAIT_S = 3, 1  # as payload.py sets them


def test_a_stopped_service_brings_one_mail_after_for_and_group_wait(machine):
    machine.wait("the service is seen up", lambda: machine.value('up{job="node"}') == "1")
    stopped = boottime()
    machine.systemctl("stop", "node_exporter")
    # systemctl came back when the process was gone: the death lies between the two.
    gone = boottime()
    mail = machine.mail(SUBJECT)
    assert mail.accepted - stopped >= FOR_S + GROUP_WAIT_S
    # A wide bound: emulation is slow. The figures are tests/bench's.
    assert mail.accepted - gone <= FOR_S + GROUP_WAIT_S + 10


def test_the_mail_says_that_systemd_stopped_it(machine):
    said = words(machine.mail(SUBJECT))
    assert "SIGTERM" in said and "from systemd (pid 1, uid 0)" in said, said


def test_the_journal_tells_the_death_and_its_cause(machine):
    entries = machine.journal("-u", "tolld", "TOLLD_SERVICE=localhost:9100 node")
    assert any("SIGTERM" in e["MESSAGE"] and "from systemd" in e.get("TOLLD_CAUSE", "") for e in entries), entries


def test_the_alert_ends_when_the_service_is_started_again(machine):
    machine.systemctl("start", "node_exporter")
    machine.wait("the service is seen up again", lambda: machine.value('up{job="node"}') == "1")
    machine.wait("the alert is over", lambda: not machine.alerts(job="node"))
    assert len(machine.mails(SUBJECT)) == 1
