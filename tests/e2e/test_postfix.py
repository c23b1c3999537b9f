"""Mail through a real Postfix: each way to encrypt and to log in, what it refuses, and a wire that breaks anywhere."""
import os
import re
from contextlib import ExitStack

import pytest

import postfix as postfix_server
from alertmanager import AlertmanagerTolld
from cutter import Cutter
from mailbox import PASSWORD, USER
from postfix import Postfix
from process import free_port, http, let_pass, wait_until

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises of mail")


@pytest.fixture(scope="module")
def one_postfix():
    if os.geteuid() != 0:
        pytest.skip("needs root: Postfix serves nobody without it")
    if not os.path.exists(postfix_server.MASTER):
        pytest.skip("Postfix is not installed: this machine has another mail server, whose place it would take")
    with Postfix() as server:
        yield server


@pytest.fixture
def postfix(one_postfix):
    one_postfix.clear()
    return one_postfix


@pytest.fixture
def tolld(postfix, tmp_path):
    """tolld(email settings, ...) -> running; ended afterwards. Each is a receiver, told of alerts by its number."""
    started = []

    def go(*emails, group_interval="1m"):
        text = f"""\
global: {{smtp_from: watcher@example.org, smtp_auth_username: {USER}}}
route:
  receiver: '0'
  group_by: ['...']
  group_wait: 0s
  group_interval: {group_interval}
  routes:
"""
        text += "".join(f"  - {{receiver: '{n}', matchers: [receiver={n}]}}\n" for n in range(len(emails)))
        text += "receivers:\n" + "".join(f"- name: '{n}'\n  email_configs: [{{{e}}}]\n" for n, e in enumerate(emails))
        started.append(AlertmanagerTolld(tmp_path / f"tolld{len(started)}", text))
        return started[-1].start()
    yield go
    for daemon in started:
        daemon.end()


def email(postfix, name, to="operator@example.org", port=None, password=f"auth_password: {PASSWORD}", more=""):
    """The settings of a mail through this port of Postfix's; its certificate is checked."""
    return (f"to: '{to}', smarthost: 'localhost:{port or postfix.ports[name]}', {password}, "
            f"tls_config: {{ca_file: {postfix.certificate}}}{more}")


def post(daemon, name="Flood", receiver=0):
    daemon.post({"labels": {"alertname": name, "receiver": str(receiver)}, "annotations": {"summary": "wàter"}})


def said_of(postfix, mail):
    """What Postfix's log says about one mail, from its first word to its last."""
    queue_id, = re.findall(r"\bid (\w+)", mail.message["Received"])
    return "".join(line for line in postfix.log().splitlines(keepends=True) if queue_id in line)


def failures(daemon):
    """What tolld's log says of notifications that did not go out."""
    return [line for line in daemon.log().splitlines() if "failed" in line or "refused" in line]


def outcomes(daemon):
    return [n["outcome"] for n in http(daemon.url + "/api/v1/notifications/history").json()["data"]["notifications"]]


# -- the ways in -----------------------------------------------------------------------------------

@pytest.mark.parametrize("name, more, mechanism", [("submission", "", "PLAIN"), ("login", "", "LOGIN"),
                                                   ("smtps", ", force_implicit_tls: true", "PLAIN"),
                                                   ("plain", ", require_tls: false", "PLAIN")])
def test_a_mail_goes_each_way_that_postfix_offers(postfix, tolld, name, more, mechanism):
    daemon = tolld(email(postfix, name, more=more))
    post(daemon)
    mail, = postfix.wait(1, detail=daemon.log)
    assert mail.subject == "[FIRING:1] Flood 0"
    assert mail.sender == "watcher@example.org" and "wàter" in mail.text and not mail.message.defects
    assert f"Authenticated sender: {USER}@localhost" in mail.message["Received"]
    assert ("using TLSv1." in mail.message["Received"]) == (name != "plain")
    assert f"sasl_method={mechanism}, sasl_username={USER}@localhost" in said_of(postfix, mail)
    assert not failures(daemon)


def test_a_certificate_that_nobody_vouches_for_gets_neither_password_nor_mail(postfix, tolld):
    daemon = tolld(email(postfix, "submission").partition(", tls_config")[0])
    logins = postfix.log().count("sasl_")
    post(daemon)
    wait_until("it is told", lambda: failures(daemon), detail=daemon.log)
    assert "certificate" in failures(daemon)[0]
    assert postfix.log().count("sasl_") == logins and not postfix.mails()


def test_a_wrong_password_is_told_once_in_the_servers_words_and_may_be_mended(postfix, tolld, tmp_path):
    file = tmp_path / "password"
    file.write_text("not-the-password\n")
    daemon = tolld(email(postfix, "submission", password=f"auth_password_file: {file}"))
    tries = postfix.log().count("authentication failed")
    post(daemon)
    wait_until("it was tried again", lambda: postfix.log().count("authentication failed") >= tries + 3, detail=daemon.log)
    told, = failures(daemon)
    assert "AUTH: 535 5.7.8 Error: authentication failed" in told
    file.write_text(PASSWORD)
    postfix.wait(1, detail=daemon.log)
    assert failures(daemon) == [told]
    for secret in ("not-the-password", PASSWORD):
        assert secret not in daemon.log()


# -- what it refuses -------------------------------------------------------------------------------

def test_one_recipient_of_three_is_refused_and_the_others_get_their_mail(postfix, tolld):
    daemon = tolld(email(postfix, "submission", to="operator@example.org, nobody@example.org, boss@example.org"))
    post(daemon)
    for name in ("operator", "boss"):
        postfix.wait(1, name, detail=daemon.log)
    wait_until("the refusal is told", lambda: failures(daemon), detail=daemon.log)
    told, = failures(daemon)
    assert "nobody@example.org: 550 5.1.1" in told and "User unknown" in told
    assert "operator@" not in told and "boss@" not in told
    # None of them got it in a mail of its own, and none gets another one.
    let_pass(3)
    assert [len(postfix.mails(name)) for name in ("operator", "boss")] == [1, 1]
    assert outcomes(daemon) == ["sent"]


def test_a_mail_that_all_recipients_are_refused_for_is_told_and_not_tried_again_at_once(postfix, tolld):
    daemon = tolld(email(postfix, "submission", to="nobody@example.org, somebody@example.org"))
    before = postfix.log().count("User unknown")
    post(daemon)
    wait_until("the refusal is told", lambda: failures(daemon), detail=daemon.log)
    told, = failures(daemon)
    assert "nobody@example.org: 550 5.1.1" in told and "somebody@example.org: 550 5.1.1" in told
    let_pass(3)
    assert postfix.log().count("User unknown") == before + 2
    assert outcomes(daemon) == ["failed"]


def test_who_greylists_gets_the_mail_a_moment_later_and_once(postfix, tolld):
    daemon = tolld(email(postfix, "greylist", to="operator@example.org, deputy@example.org"))
    post(daemon)
    for name in ("operator", "deputy"):
        postfix.wait(1, name, detail=daemon.log)
    let_pass(3)
    assert [len(postfix.mails(name)) for name in ("operator", "deputy")] == [1, 1]
    assert postfix.greylist.asked == 2 * ["operator@example.org", "deputy@example.org"]
    told, = failures(daemon)
    assert "451 4.7.1" in told and "Greylisted, come back in a moment" in told
    wait_until("the log knows", lambda: "sent" in outcomes(daemon), detail=daemon.log)


def test_one_recipient_of_two_is_told_to_wait_and_gets_the_mail_then_and_the_other_none_more(postfix, tolld):
    """Postfix knows the operator, and not yet the boss."""
    daemon = tolld(email(postfix, "greylist"), email(postfix, "greylist", to="operator@example.org, boss@example.org"))
    post(daemon)
    postfix.wait(1, "operator", detail=daemon.log)
    postfix.clear()
    post(daemon, receiver=1)
    for name in ("operator", "boss"):
        postfix.wait(1, name, detail=daemon.log)
    let_pass(3)
    mails = [postfix.mails(name) for name in ("operator", "boss")]
    assert [len(m) for m in mails] == [1, 1]
    assert mails[0][0].message["Message-Id"] == mails[1][0].message["Message-Id"]
    assert mails[1][0].message["To"] == "operator@example.org, boss@example.org"
    assert postfix.greylist.asked[-3:] == ["operator@example.org", "boss@example.org", "boss@example.org"]
    assert "taken, but not for boss@example.org: 451 4.7.1" in failures(daemon)[-1]


# -- a wire that breaks ----------------------------------------------------------------------------

def turns_of_a_whole_mail(stack, postfix, tolld, name, more):
    """How a conversation goes that nothing disturbs."""
    cutter = stack.enter_context(Cutter(free_port(), postfix.ports[name]))
    daemon = tolld(email(postfix, name, port=cutter.port, more=more))
    post(daemon)
    postfix.wait(1, detail=daemon.log)
    wait_until("the conversation is over", lambda: cutter.ended, detail=daemon.log)
    daemon.end()
    postfix.clear()
    return list(cutter.turns)


def step(turn):
    """By what a turn can be known where it can be read: a command, a reply's code, or the mail."""
    who, said = turn
    if said.endswith(b"\r\n.\r\n"):
        return "mail"
    command = said.decode().split()[0] if who == "client" else said[:3].decode()
    return command if len(command) <= 4 else "secret"


# A transaction without TLS, so that each step has a name.
PLAIN_STEPS = ["220", "EHLO", "250", "AUTH", "334", "secret", "235", "MAIL", "250", "RCPT", "250", "DATA", "354", "mail",
               "250", "QUIT"]


@pytest.mark.parametrize("name, more", [("plain", ", require_tls: false"), ("submission", "")])
def test_a_wire_that_breaks_at_any_step_loses_no_mail_and_repeats_only_the_one_in_flight(postfix, tolld, name, more):
    with ExitStack() as stack:
        turns = turns_of_a_whole_mail(stack, postfix, tolld, name, more)
        if name == "plain":
            assert [step(t) for t in turns][:len(PLAIN_STEPS)] == PLAIN_STEPS
        # What comes after the server has taken the mail may or may not be said.
        places = [(n, half) for n in range(len(PLAIN_STEPS if name == "plain" else turns)) for half in (False, True)]
        cutters = [stack.enter_context(Cutter(free_port(), postfix.ports[name], n, half)) for n, half in places]
        daemon = tolld(*(email(postfix, name, f"operator+{k}@example.org", c.port, more=more)
                         for k, c in enumerate(cutters)))
        for k in range(len(cutters)):
            post(daemon, receiver=k)
        wait_until("all mails are sent", lambda: outcomes(daemon).count("sent") == len(cutters), 60, detail=daemon.log)
        mails = {k: [] for k in range(len(cutters))}
        postfix.wait(len(cutters), detail=daemon.log)
        wait_until("Postfix has delivered what it took", lambda: not queued(postfix), detail=postfix.log)
        for mail in postfix.mails():
            assert not mail.message.defects and "wàter" in mail.text
            mails[int(re.search(r"\+(\d+)@", mail.recipients[0])[1])].append(mail)

    # The last dot was there, and its answer never came: nobody can know better than to send it again.
    assert {k: len(mails[k]) for k in mails} == {k: 1 + was_in_flight(c.cut) for k, c in enumerate(cutters)}
    assert any(len(mails[k]) == 2 for k in mails)
    for k in mails:
        # Whoever reads can tell that they are one.
        assert len({m.message["Message-Id"] for m in mails[k]}) == 1
        assert len({m.message.get_payload(0).as_bytes() for m in mails[k]}) == 1
    # TLS leaves open who of the two says something first after the handshake, and what of the goodbye is heard.
    uncut = [places[k][0] for k, c in enumerate(cutters) if not c.cut]
    assert not uncut or name != "plain" and min(uncut) >= len(turns) - 4


def was_in_flight(turns):
    """Whether what was cut is the answer to the mail, which alone is so long."""
    return len(turns) > 1 and len(turns[-2][1]) > 1500 and turns[-1][0] == "server"


def queued(postfix):
    """The mails that Postfix has taken and not delivered."""
    log = postfix.log()
    return set(re.findall(r"qmgr\[\d+\]: (\w+): from=", log)) - set(re.findall(r"qmgr\[\d+\]: (\w+): removed", log))
