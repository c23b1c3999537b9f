"""kill -9 at any instant loses no alert, and repeats at most the notification that was in flight."""
import random
import shutil

import pytest

from process import boottime, wait_until
from subject import Timing, node_exporter, wait_for_exporter, write_settings

ROUNDS = 100
QUICK = Timing(scrape_interval="1s", evaluation_interval="1s", hold="300ms", group_wait="300ms", group_interval="1s")
# From the first RCPT of a mail until it is durable that it was sent: who is killed within may repeat it.
IN_FLIGHT_S = 0.25


def let_pass(seconds):
    end = boottime() + seconds
    wait_until("time passes", lambda: boottime() >= end, seconds + 5, 0.02)


def one_round(subject, mailbox, exporter, delay):
    """A death, a kill -9 `delay` seconds later, a new start. Returns the instant of the kill and the mails."""
    shutil.rmtree(f"{subject.folder}/data", ignore_errors=True)
    mailbox.clear()
    exporter.start()
    wait_for_exporter(subject.ports.exporter)
    subject.start()
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    exporter.kill()
    exporter.wait()
    let_pass(delay)
    killed = boottime()
    subject.kill()
    subject.start()
    mailbox.wait(1, 30, subject.log)
    # What would come twice comes by the next group_interval.
    let_pass(max(0.0, killed + 2.0 - boottime()))
    subject.end()
    return killed, list(mailbox.mails)


@pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="Prometheus does not promise it")
def test_a_hundred_kills_lose_no_mail_and_repeat_none_but_what_was_in_flight(
        subject_class, ports, tmp_path, mailbox, needs_root):
    write_settings(tmp_path, ports, QUICK)
    subject = subject_class(tmp_path, ports)
    exporter = node_exporter(tmp_path, ports.exporter)
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    repeated, faults = 0, []
    try:
        for n in range(ROUNDS):
            # The mail is due 0.6 s after the death; half of the kills fall close around it.
            delay = chance.uniform(0.0, 0.9) if n % 2 else chance.uniform(0.55, 0.75)
            killed, mails = one_round(subject, mailbox, exporter, delay)
            in_flight = mails[0].begun - IN_FLIGHT_S <= killed <= mails[0].accepted + IN_FLIGHT_S
            repeated += len(mails) == 2
            if len(mails) > 2 or (len(mails) == 2 and not in_flight):
                faults.append(f"round {n}, killed {delay:.3f} s after the death: {len(mails)} mails, the first "
                              f"{mails[0].accepted - killed:+.3f} s from the kill")
    finally:
        exporter.end()
        subject.end()
    print(f"{ROUNDS} kills: {repeated} mails repeated, all in flight; random seed {seed}")
    assert not faults, f"random seed {seed}\n" + "\n".join(faults)


def test_the_age_of_a_pending_alert_survives_a_kill(start, exporter, mailbox):
    """`for` is not begun anew: the mail comes when it would have come."""
    subject = start(Timing(hold="6s", group_wait="1s"))
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    died = exporter.kill()
    exporter.wait()
    wait_until("the alert is pending", lambda: [a for a in subject.alerts() if a["state"] == "pending"],
               detail=subject.log)
    let_pass(2)
    subject.kill()
    subject.start()
    mail, = mailbox.wait(1, 30, subject.log)
    if subject.name == "tolld":
        assert 7.0 <= mail.accepted - died <= 7.5


def test_a_mail_that_was_sent_is_not_sent_again_after_a_kill(start, exporter, mailbox):
    subject = start()
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    exporter.kill()
    exporter.wait()
    mailbox.wait(1, 20, subject.log)
    let_pass(1)
    subject.kill()
    subject.start()
    wait_until("the alert fires again", lambda: [a for a in subject.alerts() if a["state"] == "firing"],
               detail=subject.log)
    let_pass(4)
    assert len(mailbox.mails) == 1


def test_what_died_while_tolld_was_down_is_told_at_its_start(start, exporter, mailbox, ports):
    subject = start()
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    subject.end()
    exporter.kill()
    exporter.wait()
    subject.start()
    mail, = mailbox.wait(1, 20, subject.log)
    assert mail.subject == f"[FIRING:1] InstanceDown (localhost:{ports.exporter} node)"
