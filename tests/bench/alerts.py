"""Alerts from outside: how fast they are taken and routed, what they weigh, and how soon they are known again.

The peer is Alertmanager alone. Time is that of the process's processors where the machine's other work would show,
and what was told is counted at the end of each section, so that nobody is fast by leaving things out.
"""
import http.client
import json
import re
import time
from types import SimpleNamespace

from alertmanager import ALERTMANAGERS, API
from process import boottime, http as http_get, wait_until
from report import Row, rest
from webhook import Webhook

TOOK_S = 120
IN_A_BODY = 1000

# -- what is the same for both ------------------------------------------------------------------------

MANY = 100000
GROUPS = 1000
SETTLED_S = 20
MANY_SETTINGS = """\
global: {resolve_timeout: 4h}
route: {receiver: nobody, group_by: [alertname], group_wait: 20s, group_interval: 1m}
receivers: [{name: nobody}]
"""


def moment(ahead_s):
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + ahead_s))


def alert_of_many(i, now):
    name, host = i % GROUPS, i // GROUPS
    return {
        "labels": {"alertname": f"Alert{name}", "instance": f"host{host}.example.com:9100", "job": "node",
                   "severity": ("info", "warning", "critical")[i % 3], "device": f"/dev/sd{i}"},
        "annotations": {"summary": f"The filesystem of host{host} is almost full",
                        "description": f"Of /dev/sd{i} on host{host}.example.com:9100 only {i % 10} % are left."},
        "startsAt": now, "generatorURL": f"http://prometheus.example.com:9090/graph?g0.expr=up+%3D%3D+{name}&g0.tab=1",
    }


def bodies(alerts):
    alerts = list(alerts)
    return [json.dumps(alerts[i:i + IN_A_BODY]).encode() for i in range(0, len(alerts), IN_A_BODY)]


def post_all(one, path, texts):
    """Each text in a request of its own over one connection that stays open; seconds from the first to the last answer."""
    connection = http.client.HTTPConnection("127.0.0.1", one.port, timeout=60)
    connection.connect()
    begun = boottime()
    for text in texts:
        connection.request("POST", API + path, text, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, f"{one.name}: {answer.status} {said[:500]}\n{one.log()}"
    took = boottime() - begun
    connection.close()
    return took


def figure(one, name):
    """The figure of this name and labels, as the process's /metrics has it; 0 while it is not there."""
    text = http_get(one.url + "/metrics", timeout=60).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0


def alone(bench, kind, name, settings):
    return ALERTMANAGERS[kind.name](bench.place(f"{name}-{kind.name}"), settings)


def wait_for_figure(one, name, value, timeout=TOOK_S, pause=0.2):
    wait_until(f"{one.name}: {name} is {value}", lambda: figure(one, name) == value, timeout, pause, one.log)


# -- many alerts --------------------------------------------------------------------------------------

def wait_until_idle(one):
    """Until it has hardly run for half a second: what it does after its answer is work, too."""
    def idle():
        before = one.process.cpu_seconds()
        rest(0.5)
        return one.process.cpu_seconds() - before < 0.02
    wait_until(f"{one.name} rests", idle, TOOK_S, 0.01, one.log)


def many_of(bench, kind):
    """Takes MANY alerts: seconds until the last is answered, processor seconds until all are in their groups, memory."""
    one = alone(bench, kind, "many-alerts", MANY_SETTINGS)
    one.start()
    try:
        empty = one.process.memory_bytes()["rss"]
        now = moment(0)  # an alert that began before group_wait is told at once
        texts = bodies(alert_of_many(i, now) for i in range(MANY))
        cpu = one.process.cpu_seconds()
        wall = post_all(one, "/alerts", texts)
        wait_until_idle(one)
        cpu = one.process.cpu_seconds() - cpu
        wait_for_figure(one, "alertmanager_dispatcher_aggregation_groups", GROUPS)
        # Alertmanager calls an alert active when its group was told for the first time.
        wait_for_figure(one, 'alertmanager_alerts{state="active"}', MANY)
        rest(SETTLED_S)
        rss = one.process.memory_bytes()["rss"]
        asked = min(all_asked(one) for _ in range(bench.n(3)))
        known_after = restarts(one, bench.n(3)) if kind.name == "tolld" else []
    finally:
        one.end()
    return SimpleNamespace(wall=wall, cpu=cpu, rss=rss, empty=empty, asked=asked, known_after=known_after)


def all_asked(one):
    """Processor seconds for all alerts."""
    before = one.process.cpu_seconds()
    answer = http_get(one.url + API + "/alerts", timeout=TOOK_S)
    took = one.process.cpu_seconds() - before
    assert len(answer.json()) == MANY
    return took


def restarts(one, n):
    """Seconds from each exec until it is ready and all alerts are known; ended in turns by SIGTERM and by SIGKILL."""
    took = []
    for i in range(2 * n):
        if i % 2:
            one.kill()
        else:
            one.end()
        begun = boottime()
        one.start()
        wait_for_figure(one, 'alertmanager_alerts{state="active"}', MANY, pause=0.01)
        took.append(boottime() - begun)
    return took


def many_alerts(bench):
    """100,000 alerts in 1,000 groups: the taking, the memory, the restart."""
    got = {kind.name: many_of(bench, kind) for kind in bench.subjects}
    rate = ", ".join(f"{name} {MANY / g.wall:,.0f} alerts/s" for name, g in got.items())
    each = f"{MANY} distinct alerts, a body each {IN_A_BODY}"
    rows = [
        Row("POST of 1,000 alerts", "ms", f"{each}; {rate}",
            **{name: g.wall / MANY * IN_A_BODY for name, g in got.items()}),
        Row("POST of 1,000 alerts, processor time", "ms", f"{each}; until all are in their groups",
            **{name: g.cpu / MANY * IN_A_BODY for name, g in got.items()}),
        Row("100,000 alerts in 1,000 groups, resident", "MB",
            f"{SETTLED_S} s later; without alerts " + ", ".join(f"{name} {g.empty / 1e6:.1f}" for name, g in got.items()),
            **{name: g.rss / 1e6 for name, g in got.items()}),
        Row("100,000 alerts as the API lists them, processor time", "ms", f"best of {bench.n(3)}",
            **{name: g.asked for name, g in got.items()}),
    ]
    again = got["tolld"].known_after if "tolld" in got else []
    for what, took in (("SIGTERM", again[::2]), ("SIGKILL", again[1::2])):
        if took:
            rows.append(Row(f"restart with 100,000 alerts after {what}, most", "s",
                            f"n={len(took)}; from exec until ready and all are known; least {min(took):.2f}; the peer forgets them",
                            tolld=max(took)))
    return rows


# -- many routes, silences, inhibitions ---------------------------------------------------------------

ROUTES = 1000
INHIBITS = 100
SILENCES = 10000
ROUTED = 10000
FIRST_SILENCED = 9000
INHIBITED = 4500  # the warnings of every other team
# Whoever cannot take all alerts within it tells the rest after group_interval.
GROUP_WAIT_S = 20


def matcher_of_route(t):
    """As people write them: a third each by equality, by a list, by a pattern."""
    return (f'team="team{t}"', f'service=~"api-{t}|web-{t}"', f'service=~"api-{t}(-.+)?"')[t % 3]


def expression_of_route(t):
    """Each a pattern: what it begins with may be told, or not."""
    return (f'service=~"(api|web)-{t}(-.+)?"', f'service=~"api-{t}|web-{t}"', f'service=~"api-{t}(-.+)?"', f'team=~".*m{t}"')[t % 4]


def routing_settings(port, matcher_of):
    lines = ["global: {resolve_timeout: 4h}",
             f"route: {{receiver: hook, group_by: [team], group_wait: {GROUP_WAIT_S}s, group_interval: 1m, repeat_interval: 4h, routes: ["]
    lines += [f"  {{matchers: ['{matcher_of(t)}'], group_by: [team, cluster]}}," for t in range(ROUTES)]
    lines += ["]}", "inhibit_rules:"]
    lines += [f"- {{source_matchers: ['severity=\"critical\"', 'area=\"area{a}\"'], "
              f"target_matchers: ['severity=\"warning\"', 'area=\"area{a}\"'], equal: [team]}}" for a in range(INHIBITS)]
    lines += [f"receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{port}/', send_resolved: false}}]}}]", ""]
    return "\n".join(lines)


def is_critical(i):
    """The first alert of every other team, which inhibits that team's warnings."""
    return i < ROUTES and i % 2 == 0


def routed_alert(i, now):
    team = i % ROUTES
    return {
        "labels": {"alertname": f"Alert{i // ROUTES}", "team": f"team{team}", "service": f"api-{team}", "area": f"area{team % INHIBITS}",
                   "cluster": "eu-1", "instance": f"host{i}", "severity": "critical" if is_critical(i) else "warning"},
        "annotations": {"summary": f"host{i} is slow"}, "startsAt": now,
    }


def told_at_all():
    """How many alerts are neither silenced nor inhibited."""
    return sum(is_critical(i) or (i % ROUTES % 2 == 1 and i < FIRST_SILENCED) for i in range(ROUTED))


def silences():
    """Each of one host; a tenth of them is of a host that has an alert."""
    begin, end = moment(0), moment(4 * 3600)
    return [json.dumps({
        "matchers": [{"name": "instance", "value": f"host{FIRST_SILENCED + i}", "isRegex": False},
                     {"name": "alertname", "value": "Alert.+", "isRegex": True}],
        "startsAt": begin, "endsAt": end, "createdBy": "bench", "comment": "under repair"}).encode() for i in range(SILENCES)]


def route_of(bench, kind, matcher_of):
    """Processor seconds until all alerts are in their groups, of those until all are told, and for all groups as asked."""
    with Webhook(0) as hook:
        one = alone(bench, kind, matcher_of.__name__, routing_settings(hook.port, matcher_of))
        one.start()
        try:
            before = one.process.cpu_seconds()
            post_all(one, "/silences", silences())
            wait_for_figure(one, 'alertmanager_silences{state="active"}', SILENCES)
            wait_until_idle(one)
            # Of the time that passes, most is this client's: it waits for each answer.
            silencing = one.process.cpu_seconds() - before
            now = moment(0)  # an alert that began before group_wait is told at once
            texts = bodies(routed_alert(i, now) for i in range(ROUTED))
            before = one.process.cpu_seconds()
            post_all(one, "/alerts", texts)
            wait_until_idle(one)
            routed = one.process.cpu_seconds() - before
            wait_for_figure(one, "alertmanager_dispatcher_aggregation_groups", ROUTES)
            wait_until(f"{one.name} tells all", lambda: told(hook) >= told_at_all(), TOOK_S, 1,
                       lambda: f"{told(hook)} of {told_at_all()}\n{one.log()}")
            assert (told(hook), len(hook.requests)) == (told_at_all(), ROUTES), f"{told(hook)} told in {len(hook.requests)} requests"
            all_told = one.process.cpu_seconds() - before
            asked = [groups_asked(one) for _ in range(bench.n(3))]
        finally:
            one.end()
    return SimpleNamespace(routed=routed, told=all_told, asked=min(asked), silencing=silencing)


def told(hook):
    return sum(len(request.json()["alerts"]) for request in list(hook.requests))


def groups_asked(one):
    """Processor seconds for all groups, each alert with what silences and inhibits it."""
    before = one.process.cpu_seconds()
    answer = http_get(one.url + API + "/alerts/groups", timeout=TOOK_S)
    took = one.process.cpu_seconds() - before
    states = [alert["status"] for group in answer.json() for alert in group["alerts"]]
    muted = [sum(bool(s[by]) for s in states) for by in ("silencedBy", "inhibitedBy")]
    assert [len(states), *muted] == [ROUTED, ROUTED - FIRST_SILENCED, INHIBITED], f"{one.name}: {len(states)} alerts, {muted}"
    return took


def routing(bench):
    """10,000 alerts through 1,000 routes, past 100 inhibit rules and 10,000 silences."""
    got = {kind.name: route_of(bench, kind, matcher_of_route) for kind in bench.subjects}
    expressions = {kind.name: route_of(bench, kind, expression_of_route) for kind in bench.subjects}
    note = f"{ROUTES} routes, {INHIBITS} inhibit rules, {SILENCES} silences"
    return [
        Row("10,000 alerts taken and routed, processor time", "ms", f"{note}; until all are in {ROUTES} groups",
            **{name: g.routed for name, g in got.items()}),
        Row("the same, until all are told, processor time", "ms",
            f"{told_at_all()} alerts in {ROUTES} requests to a webhook; {ROUTED - FIRST_SILENCED} silenced, {INHIBITED} inhibited",
            **{name: g.told for name, g in got.items()}),
        Row("all groups as the API shows them, processor time", "ms", f"{ROUTED} alerts with what mutes them; best of {bench.n(3)}",
            **{name: g.asked for name, g in got.items()}),
        Row("each route by an expression: taken and routed, processor time", "ms", f"until all are in {ROUTES} groups",
            **{name: g.routed for name, g in expressions.items()}),
        Row("each route by an expression: until all are told, processor time", "ms", "the same alerts",
            **{name: g.told for name, g in expressions.items()}),
        Row("POST of 10,000 silences", "s", "processor time, each in a request of its own", **{name: g.silencing for name, g in got.items()}),
    ]


SECTIONS = [many_alerts, routing]
