"""kill -9 at any instant loses no alert, and repeats at most the notification that was in flight."""
import os
import random
import shutil
import threading

import pytest

from mailbox import Mailbox
from process import boottime, let_pass, wait_until
from subject import Ports, Timing, dies, node_exporter, wait_for_exporter, write_settings

ROUNDS = int(os.environ.get("TOLLD_KILLS", "100"))
# At once, each on ports and in a folder of its own: most of a round is waiting.
LANES = 3
QUICK = Timing(scrape_interval="1s", evaluation_interval="1s", hold="300ms", group_wait="300ms", group_interval="1s")
# From the first RCPT of a mail until it is durable that it was sent: who is killed within may repeat it.
IN_FLIGHT_S = 0.25


def one_round(subject, mailbox, exporter, delay):
    """A death, a kill -9 `delay` seconds later, a new start. Returns the instant of the kill and the mails."""
    shutil.rmtree(f"{subject.folder}/data", ignore_errors=True)
    mailbox.clear()
    exporter.start()
    wait_for_exporter(subject.ports.exporter)
    subject.start()
    dies(subject, exporter)
    let_pass(delay)
    killed = boottime()
    subject.kill()
    subject.start()
    mail, = mailbox.wait(1, 30, subject.log)
    # What comes twice comes by the next group_interval after the start.
    let_pass(max(0.0, max(killed, mail.accepted) + 1.5 - boottime()))
    subject.end()
    return killed, list(mailbox.mails)


class Lane(threading.Thread):
    """Rounds in a row. What it found is in `repeated` and `faults`; an exception ends it and is a fault."""

    def __init__(self, folder, subject_class, rounds, seed):
        super().__init__()
        self.ports = Ports.free()
        self.folder = str(folder)
        # Nothing is pinned: lanes would take each other's maps away.
        self.subject = subject_class(folder, self.ports, ["--watch.bpffs", ""])
        self.rounds = rounds
        self.chance = random.Random(seed)
        self.done = self.repeated = 0
        self.faults = []

    def run(self):
        write_settings(self.folder, self.ports, QUICK)
        exporter = node_exporter(self.folder, self.ports.exporter)
        try:
            with Mailbox(self.ports.smtp, self.folder) as mailbox:
                for n in range(self.rounds):
                    # The mail is due 0.6 s after the death; half of the kills fall close around it.
                    delay = self.chance.uniform(0.0, 0.9) if n % 2 else self.chance.uniform(0.55, 0.75)
                    self.judge(n, delay, *one_round(self.subject, mailbox, exporter, delay))
        except Exception as e:
            self.faults.append(f"round {self.done}: {e}")
        finally:
            exporter.end()
            self.subject.end()

    def judge(self, n, delay, killed, mails):
        in_flight = mails[0].begun - IN_FLIGHT_S <= killed <= mails[0].accepted + IN_FLIGHT_S
        self.done += 1
        self.repeated += len(mails) == 2
        if len(mails) > 2 or (len(mails) == 2 and not in_flight):
            self.faults.append(f"round {n}, killed {delay:.3f} s after the death: {len(mails)} mails, the first "
                               f"{mails[0].accepted - killed:+.3f} s from the kill")


@pytest.mark.long
@pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="Prometheus does not promise it")
def test_a_hundred_kills_lose_no_mail_and_repeat_none_but_what_was_in_flight(subject_class, tmp_path, needs_root):
    seed = random.randrange(1 << 32)
    lanes = []
    for i in range(LANES):
        folder = tmp_path / f"lane{i}"
        folder.mkdir()
        lanes.append(Lane(folder, subject_class, (ROUNDS + i) // LANES, seed + i))
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    faults = [f"lane {i}, {f}" for i, lane in enumerate(lanes) for f in lane.faults]
    print(f"{sum(l.done for l in lanes)} kills: {sum(l.repeated for l in lanes)} mails came twice, all in flight; seed {seed}")
    assert not faults, f"seed {seed}\n" + "\n".join(faults)
    assert sum(l.done for l in lanes) == ROUNDS


def test_the_age_of_a_pending_alert_survives_a_kill(start, exporter, mailbox):
    """`for` is not begun anew: the mail comes when it would have come."""
    subject = start(Timing(hold="6s", group_wait="1s"))
    died = dies(subject, exporter)
    wait_until("the alert is pending", lambda: [a for a in subject.alerts() if a["state"] == "pending"],
               detail=subject.log)
    let_pass(4)
    subject.kill()
    subject.start()
    mail, = mailbox.wait(1, 30, subject.log)
    # Begun anew it would be 11.
    if subject.name == "tolld":
        assert 7.0 <= mail.accepted - died <= 10.0


def test_a_mail_that_was_sent_is_not_sent_again_after_a_kill(start, exporter, mailbox):
    subject = start()
    dies(subject, exporter)
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
