"""A mail server that is away for a minute, while tolld is killed again and again and alerts come and go."""
import random
from contextlib import nullcontext

import pytest

from alertmanager import AlertmanagerTolld
from mailbox import PASSWORD, USER, Mailbox
from process import free_port, let_pass, wait_until

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="Alertmanager does not promise it")

SETTINGS = f"""\
global:
  smtp_from: watcher@example.org
  smtp_auth_username: {USER}
  smtp_auth_password: {PASSWORD}
route: {{receiver: mail, group_by: ['...'], group_wait: 300ms, group_interval: 2s, repeat_interval: 1h}}
receivers:
- name: mail
  email_configs:
  - to: operator@example.org
    smarthost: localhost:%d
    send_resolved: true
    tls_config: {{insecure_skip_verify: true}}
"""

# What happens in each life: it fires (+) or ends (-). Those of the first line are told before the outage.
LIVES = ("+stays +ends-in-it +ends-after",
         "+early", "-ends-in-it", "+inside +middle", "", "-inside", "+from-five", "+inside-too -middle", "",
         "-inside-too +late", "+last")
# How the server is away: nobody listens, or it takes no mail, or falls silent when it has got it.
AWAY = 4 * [None] + 3 * ["rcpt 451 4.3.0 later"] + 3 * ["body hang"]
# An end that comes before anybody could be told of the beginning is told or not, as flushes fall.
TOLD = {"stays": "+-", "ends-in-it": "+-", "ends-after": "+-", "early": "+-", "from-five": "+-", "late": "+-", "last": "+-"}
MAY_BE_TOLD = {name: ("", "-", "+-") for name in ("inside", "inside-too", "middle")}


def happen(daemon, events):
    for event in events.split():
        ends = {"endsAt": "2026-01-01T00:00:00Z", "startsAt": "2026-01-01T00:00:00Z"} if event[0] == "-" else {}
        daemon.post({"labels": {"alertname": event[1:]}, **ends})


def told(mails):
    """By alert, what was told of it in which order: + it fires, - it is over."""
    by_name = {}
    for mail in mails:
        state, _, name = mail.subject.partition("] ")
        by_name[name] = by_name.get(name, "") + {"[FIRING:1": "+", "[RESOLVED": "-"}[state]
    return by_name


def live(daemon, events, box, seconds):
    """A life during the outage, and its end."""
    with daemon:
        happen(daemon, events)
        # Who posts an alert repeats it, but here nobody does: its row may be on its way to the disk for a moment.
        let_pass(seconds)
        if box:
            wait_until("it was tried", lambda: box.failures, detail=daemon.log)
            assert not box.mails
        daemon.kill()


@pytest.mark.long
def test_a_minute_without_a_mail_server_and_ten_kills_lose_and_repeat_no_mail(tmp_path):
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    port = free_port()
    daemon = AlertmanagerTolld(tmp_path / "tolld", SETTINGS % port)
    try:
        with Mailbox(port, tmp_path) as box, daemon:
            happen(daemon, LIVES[0])
            mails = list(box.wait(3, detail=daemon.log))
            let_pass(0.5)  # so that it is known on the disk, too
            daemon.kill()
        for events, fault in zip(LIVES[1:], AWAY):
            with Mailbox(port, tmp_path, faults=[fault]) if fault else nullcontext() as box:
                live(daemon, events, box, chance.uniform(1, 11))
        with Mailbox(port, tmp_path) as box, daemon:
            wait_until("all that is true is told", lambda: set(TOLD) - {"stays", "ends-after"} <= set(told(box.mails)), 30,
                       detail=daemon.log)
            happen(daemon, " ".join(f"-{name}" for name in TOLD))
            wait_until("all ends are told", lambda: all(told(mails + box.mails).get(n) == t for n, t in TOLD.items()), 30,
                       detail=lambda: f"{told(mails + box.mails)}\n{daemon.log()}")
            # What comes twice comes by the next group_interval.
            let_pass(3)
            mails += box.mails
    finally:
        print(f"seed {seed}")
        daemon.end()
    found = told(mails)
    assert {n: found.get(n) for n in TOLD} == TOLD
    for name, allowed in MAY_BE_TOLD.items():
        assert found.pop(name, "") in allowed, (name, told(mails))
    assert set(found) == set(TOLD)
    assert len({mail.message["Message-Id"] for mail in mails}) == len(mails)
