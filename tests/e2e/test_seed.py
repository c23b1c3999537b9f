"""The owner's first set-up: a service dies, one mail comes and says why."""
import html
import re

import pytest

from mailbox import Mailbox
from process import let_pass, wait_until
from subject import Ports, Timing, dies, node_exporter, wait_for_exporter, write_seed

# for: 1m and group_wait: 10s; what is over them is ours.
FLOOR_S = 70.0
TOLERANCE_S = 0.5


def own_name():
    with open("/proc/self/comm") as f:
        return f.read().strip()


def plain(mail) -> str:
    """All parts as a reader sees them: tags away, entities resolved."""
    return html.unescape(re.sub(r"<[^>]*>", " ", mail.text))


def expect_the_mail(mail, port):
    assert mail.subject == f"[FIRING:1] InstanceDown (localhost:{port} node)"
    assert mail.sender == "watcher@example.org"
    assert mail.recipients == ["operator@example.org"]
    assert mail.message["To"] == "operator@example.org"
    assert mail.message["From"] == "watcher@example.org"
    assert mail.message["Date"] and mail.message["Message-Id"]


def expect_the_cause(mail):
    body = plain(mail)
    assert "SIGKILL" in body
    assert own_name() in body, "the mail names who sent the signal"


@pytest.mark.long
def test_the_owners_files_bring_one_mail_70_seconds_after_the_death(subject_class, tmp_path):
    ports = Ports.of_the_seed()
    write_seed(tmp_path, ports)
    exporter = node_exporter(tmp_path, ports.exporter, small=False)
    subject = subject_class(tmp_path, ports)
    with Mailbox(ports.smtp, tmp_path) as box, exporter:
        wait_for_exporter(ports.exporter)
        with subject:
            # Prometheus waits up to a scrape interval before it first asks.
            wait_until("the service is seen up", lambda: subject.up() == "1", 30, 0.1, subject.log)
            killed = exporter.kill()
            exporter.wait()

            mail, = box.wait(1, 110, subject.log)
            took = mail.accepted - killed
            print(f"the mail came {took:.3f} s after the death")
            expect_the_mail(mail, ports.exporter)
            if subject.name == "tolld":
                expect_the_cause(mail)
                assert FLOOR_S <= took <= FLOOR_S + TOLERANCE_S

            exporter.start()
            wait_until("the alert is over", lambda: not subject.alerts(), 40, 0.1, subject.log)
            let_pass(12)  # send_resolved is false for email: the next group_interval brings nothing
            assert len(box.mails) == 1


def test_a_death_brings_one_mail_that_says_why(start, exporter, mailbox, ports):
    subject = start()
    dies(subject, exporter)
    mail, = mailbox.wait(1, 20, subject.log)
    expect_the_mail(mail, ports.exporter)
    if subject.name == "tolld":
        expect_the_cause(mail)
    let_pass(3)  # three group_intervals; repeat_interval is an hour
    assert len(mailbox.mails) == 1


def test_send_resolved_brings_a_second_mail_when_the_service_is_back(start, exporter, mailbox, ports):
    subject = start(Timing(send_resolved=True))
    dies(subject, exporter)
    mailbox.wait(1, 20, subject.log)
    exporter.start()
    _, mail = mailbox.wait(2, 30, subject.log)
    assert mail.subject == f"[RESOLVED] InstanceDown (localhost:{ports.exporter} node)"


def test_a_service_that_was_never_up_is_told_all_the_same(start, mailbox, ports):
    subject = start()
    mail, = mailbox.wait(1, 20, subject.log)
    expect_the_mail(mail, ports.exporter)


def is_restarted(subject, exporter):
    dies(subject, exporter)
    wait_until("the service is seen down", lambda: subject.up() == "0", detail=subject.log)
    exporter.start()
    wait_until("the service is seen up again", lambda: subject.up() == "1", detail=subject.log)


def test_a_short_absence_within_for_brings_nothing(start, exporter, mailbox):
    subject = start(Timing(hold="3s"))
    is_restarted(subject, exporter)
    wait_until("no alert is left", lambda: not subject.alerts(), detail=subject.log)
    let_pass(4.5)  # for and group_wait
    assert mailbox.mails == []


def test_the_mail_tells_how_often_the_service_was_restarted(start, exporter, mailbox):
    subject = start(Timing(hold="3s"))
    if subject.name != "tolld":
        pytest.skip("Prometheus knows of no restarts")
    is_restarted(subject, exporter)
    exporter.kill()
    exporter.wait()
    mail = mailbox.wait(1, 30, subject.log)[-1]
    expect_the_cause(mail)
    assert "; restarted once in the last hour" in " ".join(plain(mail).split())


@pytest.mark.parametrize("group_wait", ["0s", "1s"])
def test_with_for_0_the_mail_comes_at_once(start, exporter, mailbox, group_wait):
    """A loose bound: the figures are tests/bench's."""
    subject = start(Timing(hold="0s", group_wait=group_wait))
    killed = dies(subject, exporter)
    mail, = mailbox.wait(1, 20, subject.log)
    if subject.name == "tolld":
        wait = float(group_wait[:-1])
        assert wait <= mail.accepted - killed < wait + 0.5
