"""Alertmanager's acceptance scenarios, by one script to tolld and to Debian's, in real time and over webhooks.

Each is a function that plays on a stage (support/acceptance.py). UTF8 ones need a version after Debian's, which
refuses such names as tolld does in the classic mode; a cluster is Debian's alone, with tolld beside it.
"""
import json
import signal
import time

import pytest

from acceptance import (GROUP_INTERVAL, GROUP_WAIT, Outcomes, alert, in_time, instant, not_before, same_time,
                        settings, stamp, until)
from process import boottime, free_port, wait_until
from webhook import DROP, HANG, ok

EVERY_TURN = "1ms"  # a repeat_interval with which each turn of a group is heard


# -- send ---------------------------------------------------------------------------------------------

def alerts_put_again_are_merged(stage):
    am = stage.start(settings(repeat=EVERY_TURN))
    start, begin = time.time(), boottime()
    am.post(alert("a", starts=start, annotations={"v": "1"}))
    am.post(alert("a", starts=start - 0.4, annotations={"v": "2"}))
    am.post(alert("a", starts=start - 0.1, annotations={"v": "3"}))
    in_time(begin, GROUP_WAIT / 2)
    first = stage.hear(1)
    not_before(first, begin, GROUP_WAIT)
    same_time(first.alerts["a"]["startsAt"], start - 0.4)
    assert first.alerts["a"]["annotations"] == {"v": "3"}
    am.post(alert("a", starts=start, annotations={"v": "4", "w": "x"}))
    am.post(alert("a", starts=start, annotations={"v": "5"}))
    in_time(first.at, GROUP_INTERVAL / 2)
    second = stage.hear(2)
    assert second.alerts["a"]["annotations"] == {"v": "5"} and repr(second) == "a!"
    same_time(second.alerts["a"]["startsAt"], start - 0.4)
    # Over twice: the later end counts, whichever came last.
    now = time.time()
    am.post(alert("a", starts=start, ends=now - 0.1))
    am.post(alert("a", starts=start, ends=now - 0.3))
    in_time(second.at, GROUP_INTERVAL / 2)
    third = stage.hear(3)
    assert repr(third) == "a."
    same_time(third.alerts["a"]["startsAt"], start - 0.4)
    same_time(third.alerts["a"]["endsAt"], now - 0.1)
    # What fires again is another one.
    again, begin = time.time(), boottime()
    am.post(alert("a", starts=again))
    fourth = stage.hear(4)
    assert repr(fourth) == "a!" and fourth.alerts["a"]["annotations"] == {}
    same_time(fourth.alerts["a"]["startsAt"], again)
    not_before(fourth, begin, GROUP_WAIT)


def alerts_put_again_keep_the_latest_end_that_was_named(stage):
    am = stage.start(settings(resolve_timeout="1s"))
    start = time.time()
    am.post(alert("a", starts=start, ends=start + 6))
    am.post(alert("a", starts=start, ends=start + 4))
    am.post(alert("a", starts=start))
    first = stage.hear(1)
    assert repr(first) == "a!" and instant(first.alerts["a"]["endsAt"]) == 0
    second = stage.hear(2)
    assert repr(second) == "a."
    same_time(second.alerts["a"]["endsAt"], start + 6)
    assert time.time() >= start + 6
    am.post(alert("a", starts=start + 6.1, ends=start + 3600))
    assert repr(stage.hear(3)) == "a!"


def what_fires_on_is_repeated(stage):
    am = stage.start(settings(repeat=EVERY_TURN))
    begin = boottime()
    am.post(alert("a"))
    for n in range(1, 5):
        note = stage.hear(n)
        assert repr(note) == "a!"
        not_before(note, begin, GROUP_WAIT + (n - 1) * GROUP_INTERVAL)


def one_service_that_fails_is_tried_again_and_others_are_not_told_twice(stage):
    fails = [503, 500, 503]
    stage.hook.answer = lambda r: (fails.pop(), "later", "text/plain") if r.path == "/hook/b" and fails else ok(r)
    am = stage.start(settings(receivers="/hook/a /hook/b"))
    am.post(alert("a"))
    tries = stage.hook.wait("/hook/b", 4, 40, stage.log)
    assert len({t.text for t in tries}) == 1
    pauses = [b.at - a.at for a, b in zip(tries, tries[1:])]
    # 500 ms, then half as long again each time, each by chance half shorter or longer.
    assert all(pause >= 0.25 * 1.5 ** n - 0.01 for n, pause in enumerate(pauses)), pauses
    assert repr(stage.hear(1, "/hook/a")) == "a!"
    am.post(alert("b"))
    assert repr(stage.hear(2, "/hook/a")) == "a! b!"
    assert repr(stage.hear(5, "/hook/b")) == "a! b!"


def alerts_are_told_together(stage):
    am = stage.start(settings(repeat="5s"))
    begin = boottime()
    am.post(alert("a"))
    am.post(alert("e"))
    in_time(begin, GROUP_WAIT / 2)
    first = stage.hear(1)
    assert repr(first) == "a! e!"
    am.post(alert("b"))
    am.post(alert("c"), alert("d"))
    in_time(first.at, GROUP_INTERVAL / 2)
    second = stage.hear(2)
    assert repr(second) == "a! b! c! d! e!"
    not_before(second, begin, GROUP_WAIT + GROUP_INTERVAL)
    # Repeated at the first turn after repeat_interval.
    third = stage.hear(3)
    assert repr(third) == "a! b! c! d! e!" and third.at - second.at > 4


def an_alert_without_an_end_is_over_after_resolve_timeout(stage):
    am = stage.start(settings(resolve_timeout="2s"))
    before = time.time()
    am.post(alert("a"))
    after = time.time()
    assert repr(stage.hear(1)) == "a!"
    over = stage.hear(2)
    assert repr(over) == "a."
    end = instant(over.alerts["a"]["endsAt"])
    assert before + 2 - 0.01 <= end <= after + 2 + 0.01
    assert time.time() >= end
    assert am.get("/alerts") == []


def only_who_asks_for_ends_hears_of_them(stage):
    am = stage.start(settings(receivers="/hook/all", more="  - {url: '{url}/hook/firing', send_resolved: false}\n"))
    am.post(alert("a"), alert("b"))
    assert repr(stage.hear(1, "/hook/all")) == "a! b!"
    assert repr(stage.hear(1, "/hook/firing")) == "a! b!"
    now = time.time()
    am.post(alert("a", starts=now - 5, ends=now))
    assert repr(stage.hear(2, "/hook/all")) == "a. b!"
    am.post(alert("b", starts=now - 5, ends=time.time()))
    assert "b." in repr(stage.hear(3, "/hook/all"))
    assert len(stage.hook.of("/hook/firing")) == 1
    # Its log knows that nothing fires: the same alert is news again.
    am.post(alert("a"))
    assert repr(stage.hear(4, "/hook/all")) == "a!"
    assert repr(stage.hear(2, "/hook/firing")) == "a!"


def without_any_state_it_starts(stage):
    am = stage.start(settings())
    begin = boottime()
    am.post(alert("a", starts=time.time() - 0.1))
    first = stage.hear(1)
    assert repr(first) == "a!"
    not_before(first, begin, GROUP_WAIT - 0.2)
    am.end()
    am.start()
    assert am.get("/silences") == []
    am.post(alert("a"))
    stage.no_more_than(1, GROUP_WAIT + GROUP_INTERVAL)


def a_reload_tells_nothing_twice(stage):
    am = stage.start(settings(interval="4s"))
    begin = boottime()
    am.post(alert("a"))
    first = stage.hear(1)
    am.process.signal(signal.SIGHUP)
    until(first.at + 1)
    am.post(alert("b"))
    in_time(first.at, 2)
    second = stage.hear(2)
    assert repr(second) == "a! b!"
    # Alertmanager counts group_interval anew from the reload, tolld goes on in step.
    not_before(second, begin, GROUP_WAIT + 4)


def a_service_that_does_not_answer_is_tried_again(stage):
    # Debian's knows no timeout: there the connection breaks.
    slow, timeout = (HANG, ", timeout: 500ms") if stage.kind == "tolld" else (DROP, "")
    stage.hook.answer = lambda r: slow if len(stage.hook.requests) <= 2 else ok(r)
    am = stage.start(settings(receivers="").replace("webhook_configs:\n",
                                                    f"webhook_configs:\n  - {{url: '{{url}}/hook'{timeout}}}\n"))
    am.post(alert("a"))
    tries = stage.hook.wait("/hook", 3, 40, stage.log)
    assert tries[0].text == tries[1].text == tries[2].text
    stage.no_more_than(3, GROUP_INTERVAL + 0.5)


# -- inhibit ------------------------------------------------------------------------------------------

INHIBIT = """\
inhibit_rules:
- source_match: {alertname: JobDown}
  target_match: {severity: warning}
  equal: [job, zone]
"""


def what_is_inhibited_is_left_out_until_its_source_is_over(stage):
    am = stage.start(settings(more=INHIBIT, repeat=EVERY_TURN))
    am.post(alert("a", job="x", zone="1", severity="warning"), alert("b", job="x", zone="2", severity="warning"))
    assert repr(stage.hear(1)) == "a! b!"
    start = time.time()
    am.post(alert("JobDown", job="x", zone="1", starts=start))
    second = stage.hear(2)
    assert repr(second) == "JobDown! b!"
    am.post(alert("JobDown", job="x", zone="1", starts=start, ends=time.time()))
    in_time(second.at, GROUP_INTERVAL / 2)
    assert repr(stage.hear(3)) == "JobDown. a! b!"


def what_was_inhibited_all_the_time_is_never_told(stage):
    am = stage.start(settings(more=INHIBIT))
    start = time.time()
    am.post(alert("JobDown", job="x", zone="1", starts=start),
            alert("a", job="x", zone="1", severity="warning", starts=start))
    first = stage.hear(1)
    assert repr(first) == "JobDown!"
    # The end of the one that was never told first: else its source would no longer hold it.
    am.post(alert("a", job="x", zone="1", severity="warning", starts=start, ends=time.time()))
    stage.no_more_than(1, GROUP_INTERVAL + 0.5)
    am.post(alert("JobDown", job="x", zone="1", starts=start, ends=time.time()))
    assert repr(stage.hear(2)) == "JobDown."


def an_empty_inhibition_rule_inhibits_nothing(stage):
    # Debian's does not live through one that is not there at all.
    am = stage.start(settings(more="inhibit_rules:\n- " + ("{}\n-" if stage.kind == "tolld" else "{}") + "\n"))
    am.post(alert("a"), alert("b", severity="warning"))
    assert repr(stage.hear(1)) == "a! b!"


# -- silence ------------------------------------------------------------------------------------------

def silence(am, name, **fields):
    body = {"matchers": [{"name": "alertname", "value": name, "isRegex": "|" in name}], "createdBy": "me",
            "comment": "why", "startsAt": stamp(time.time()), "endsAt": stamp(time.time() + 3600), **fields}
    answer = am.ask("POST", "/silences", body)
    return answer.json()["silenceID"] if answer.status == 200 else answer


def a_silence_that_was_made_is_known(stage):
    am = stage.start(settings())
    made = silence(am, "a|b")
    known, = am.get("/silences")
    assert known["id"] == made and known["status"] == {"state": "active"}
    assert known["matchers"] == [{"isEqual": True, "isRegex": True, "name": "alertname", "value": "a|b"}]
    assert am.get(f"/silence/{made}") == known


def what_is_silenced_is_left_out_until_that_ends(stage):
    am = stage.start(settings(repeat=EVERY_TURN))
    am.post(alert("a"))
    first = stage.hear(1)
    made = silence(am, "a")
    am.post(alert("b"))
    in_time(first.at, GROUP_INTERVAL / 2)
    assert repr(stage.hear(2)) == "b!"
    third = stage.hear(3)
    assert repr(third) == "b!"
    assert am.ask("DELETE", f"/silence/{made}").status == 200
    in_time(third.at, GROUP_INTERVAL / 2)
    assert repr(stage.hear(4)) == "a! b!"


def a_silence_that_is_ended_holds_no_more(stage):
    am = stage.start(settings())
    made = silence(am, "a|b")
    am.post(alert("a"), alert("b"))
    stage.no_more_than(0, GROUP_WAIT + 0.5)
    assert am.ask("DELETE", f"/silence/{made}").status == 200
    assert repr(stage.hear(1)) == "a! b!"
    assert am.get(f"/silence/{made}")["status"] == {"state": "expired"}


# -- api ----------------------------------------------------------------------------------------------

def alerts_that_were_posted_are_known(stage):
    am = stage.start(settings())
    start = time.time()
    am.post(alert("a", starts=start, annotations={"summary": "s"}, team="x"))
    known = wait_until("it is known", lambda: am.get("/alerts"))[0]
    assert known["labels"] == {"alertname": "a", "team": "x"} and known["annotations"] == {"summary": "s"}
    same_time(known["startsAt"], start)
    assert known["receivers"] == [{"name": "default"}] and len(known["fingerprint"]) == 16


def an_alert_shows_its_status_as_it_is_now(stage):
    am = stage.start(settings(more=INHIBIT))

    def status():
        found = [a["status"] for a in am.get("/alerts") if a["labels"]["alertname"] == "a"]
        return {k: v for k, v in found[0].items() if k != "mutedBy"} if found else None
    am.post(alert("a", job="x", zone="1", severity="warning"))
    active = {"state": "active", "silencedBy": [], "inhibitedBy": []}
    wait_until("it is active", lambda: status() == active)
    stage.hear(1)
    made = silence(am, "a")
    assert status() == {"state": "suppressed", "silencedBy": [made], "inhibitedBy": []}
    am.post(alert("JobDown", job="x", zone="1"))
    wait_until("it is inhibited too", lambda: status()["inhibitedBy"])
    source, = [a["fingerprint"] for a in am.get("/alerts") if a["labels"]["alertname"] == "JobDown"]
    assert status() == {"state": "suppressed", "silencedBy": [made], "inhibitedBy": [source]}
    assert am.ask("DELETE", f"/silence/{made}").status == 200
    assert status() == {"state": "suppressed", "silencedBy": [], "inhibitedBy": [source]}
    am.post(alert("JobDown", job="x", zone="1", starts=time.time() - 1, ends=time.time()))
    wait_until("nothing holds it", lambda: status() == active)
    am.post(alert("a", job="x", zone="1", severity="warning", starts=time.time() - 1, ends=time.time()))
    wait_until("it is over", lambda: status() is None)


def alerts_are_found_by_filters(stage):
    am = stage.start(settings())
    am.post(alert("a", team="x"), alert("b", team="y"), alert("c"))
    wait_until("all are known", lambda: len(am.get("/alerts")) == 3)
    for query, names in (("filter=alertname%3Da", "a"), ("filter=team%3D~%22x|y%22", "a b"), ("filter=team%3D", "c"),
                         ("filter=team%21%3Dx", "b c"), ("filter=team%21~%22x.*%22&filter=alertname%3D~%22a|b%22", "b"),
                         ("receiver=default", "a b c"), ("receiver=other", ""), ("active=false", ""),
                         ("filter=alertname%3Dz", "")):
        found = am.get("/alerts?" + query.replace("|", "%7C"))
        assert " ".join(sorted(a["labels"]["alertname"] for a in found)) == names, query
    made = silence(am, "a")
    assert [a["labels"]["alertname"] for a in am.get("/alerts?active=false")] == ["a"]
    assert [a["status"]["silencedBy"] for a in am.get("/alerts?active=false")] == [[made]]
    assert sorted(a["labels"]["alertname"] for a in am.get("/alerts?silenced=false")) == ["b", "c"]


# -- names in UTF-8 -----------------------------------------------------------------------------------

HEARTS = {"a\U0001F642": "ü", "\u2665 b": "c"}


def alerts_have_names_in_utf8(stage):
    am = stage.start(settings())
    am.post({"labels": {"alertname": "a", **HEARTS}, "annotations": {"\u2665": "\u2665"}})
    heard = stage.hear(1).alerts["a"]
    assert heard["labels"] == {"alertname": "a", **HEARTS} and heard["annotations"] == {"\u2665": "\u2665"}
    found = am.get("/alerts?filter=%22%E2%99%A5%20b%22%3Dc")
    assert [a["labels"] for a in found] == [{"alertname": "a", **HEARTS}]


def silences_have_names_in_utf8(stage):
    am = stage.start(settings())
    made = silence(am, "", matchers=[{"name": "\u2665 b", "value": "c", "isRegex": False}])
    am.post({"labels": {"alertname": "a", **HEARTS}}, alert("b"))
    assert repr(stage.hear(1)) == "b!"
    assert am.get(f"/silence/{made}")["matchers"][0]["name"] == "\u2665 b"


def routes_have_names_in_utf8(stage):
    route = """\
  routes:
  - {matchers: ['a🙂="ü"'], receiver: hearts, group_by: ['♥ b']}
"""
    am = stage.start(settings(route, more="- name: hearts\n  webhook_configs: [{url: '{url}/hearts'}]\n"))
    am.post({"labels": {"alertname": "a", **HEARTS}}, alert("b"))
    assert repr(stage.hear(1)) == "b!"
    body = stage.hook.wait("/hearts", 1, 40, stage.log)[0].json()
    assert body["groupLabels"] == {"\u2665 b": "c"} and len(body["alerts"]) == 1


CLASSIC = {"tolld": ["--enable-feature=classic-mode"], "peers": []}


def the_classic_mode_refuses_alerts_with_names_in_utf8(stage):
    am = stage.start(settings(), CLASSIC[stage.kind])
    answer = am.ask("POST", "/alerts", [{"labels": {"alertname": "a", **HEARTS}}, alert("b")])
    assert answer.status == 400
    assert json.loads(answer.text).startswith("invalid label set: invalid name \""), answer.text
    assert repr(stage.hear(1)) == "b!"
    assert [a["labels"]["alertname"] for a in am.get("/alerts")] == ["b"]


def the_classic_mode_refuses_silences_with_names_in_utf8(stage):
    am = stage.start(settings(), CLASSIC[stage.kind])
    answer = silence(am, "", matchers=[{"name": "\u2665 b", "value": "c", "isRegex": False}])
    assert answer.status == 400
    assert "invalid label matcher 0: invalid label name \"♥ b\"" in json.loads(answer.text), answer.text
    assert am.get("/silences") == []


# -- web ----------------------------------------------------------------------------------------------

def all_is_served_below_a_prefix(stage):
    am = stage.start(settings(), ["--web.route-prefix=/a/b"], prefix="/a/b")
    am.post(alert("a"))
    assert repr(stage.hear(1)) == "a!"
    done = am.amtool("alert", "query", "-o", "json")
    assert [a["labels"]["alertname"] for a in json.loads(done.stdout)] == ["a"], done.stderr
    made = am.amtool("silence", "add", "-c", "why", "alertname=a").stdout.strip()
    assert [s["id"] for s in am.get("/silences")] == [made]


# -- clusters -----------------------------------------------------------------------------------------

def cluster(stage, text, n=2):
    """Debian's Alertmanagers that know of each other."""
    first, members = free_port(), []
    for i in range(n):
        gossip = first if i == 0 else free_port()
        options = [f"--cluster.listen-address=127.0.0.1:{gossip}", f"--cluster.peer=127.0.0.1:{first}",
                   "--cluster.settle-timeout=0s", "--cluster.peer-timeout=1s", "--cluster.gossip-interval=50ms"]
        members.append(stage.peer(text, options=options))
    for member in members:
        member.start()
    for member in members:
        wait_until("the cluster is whole", lambda m=member: len(m.get("/status")["cluster"]["peers"]) == n,
                   detail=stage.log)
    return members


def a_cluster_tells_once_what_all_its_members_are_told(stage):
    """tolld tells both members by its `alerting`, or they are posted to."""
    members = cluster(stage, settings())
    if stage.kind == "tolld":
        targets = ", ".join(f"'127.0.0.1:{m.port}'" for m in members)
        path = stage.folder / "rules.yml"
        path.write_text("groups: [{name: g, interval: 1s, rules: [{alert: a, expr: vector(1)}]}]\n")
        stage.start(f"rule_files: ['{path}']\nalerting: {{alertmanagers: [{{static_configs: [{{targets: [{targets}]}}]}}]}}\n")
    else:
        start = time.time()
        for member in members:
            member.post(alert("a", starts=start))
    assert repr(stage.hear(1)) == "a!"
    for member in members:
        wait_until("both know", lambda m=member: m.get("/alerts"))
    stage.no_more_than(1, GROUP_WAIT + GROUP_INTERVAL + 1)


def a_cluster_tells_what_one_tells(stage):
    """The same script to a cluster and to one: what is heard is the same."""
    one = stage.start(settings(receivers="/hook/one"))
    members = cluster(stage, settings(receivers="/hook/cluster"))
    paths = ("/hook/one", "/hook/cluster")

    def post(*alerts):
        for am in (one, *members):
            am.post(*alerts)
    begin = boottime()
    post(alert("a"), alert("b"))
    first = [stage.hear(1, path) for path in paths]
    post(alert("b", starts=time.time() - 1, ends=time.time()), alert("c"))
    in_time(begin, GROUP_WAIT + GROUP_INTERVAL / 2)
    second = [stage.hear(2, path) for path in paths]
    assert [repr(n) for n in first] == ["a! b!"] * 2
    assert [repr(n) for n in second] == ["a! b. c!"] * 2
    for path in paths:
        stage.no_more_than(2, 0.5, path)


BOTH = ("tolld", "peers")
SCENARIOS = [(kind, play) for play in (
    alerts_put_again_are_merged, alerts_put_again_keep_the_latest_end_that_was_named, what_fires_on_is_repeated,
    one_service_that_fails_is_tried_again_and_others_are_not_told_twice, alerts_are_told_together,
    an_alert_without_an_end_is_over_after_resolve_timeout, only_who_asks_for_ends_hears_of_them,
    without_any_state_it_starts, a_reload_tells_nothing_twice, a_service_that_does_not_answer_is_tried_again,
    what_is_inhibited_is_left_out_until_its_source_is_over, what_was_inhibited_all_the_time_is_never_told,
    an_empty_inhibition_rule_inhibits_nothing, a_silence_that_was_made_is_known,
    what_is_silenced_is_left_out_until_that_ends, a_silence_that_is_ended_holds_no_more,
    alerts_that_were_posted_are_known, an_alert_shows_its_status_as_it_is_now, alerts_are_found_by_filters,
    the_classic_mode_refuses_alerts_with_names_in_utf8, the_classic_mode_refuses_silences_with_names_in_utf8,
    all_is_served_below_a_prefix, a_cluster_tells_once_what_all_its_members_are_told, a_cluster_tells_what_one_tells,
) for kind in BOTH] + [("tolld", play) for play in (
    alerts_have_names_in_utf8, silences_have_names_in_utf8, routes_have_names_in_utf8)]


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    wanted = [item.callspec.params["case"] for item in request.session.items if item.module is request.module]
    all_of_them = Outcomes(wanted, tmp_path_factory.mktemp("acceptance"))
    yield all_of_them
    all_of_them.end()


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: f"{case[1].__name__}-{case[0]}")
def test_scenario(outcomes, case):
    outcomes.result(*case)
