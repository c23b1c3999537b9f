"""What the acceptance scenarios share: an Alertmanager with a webhook that hears it, a clock, and many at once.

A scenario says in which order what must be heard, and no earlier than when; never how soon. Where its meaning
hangs on having posted in time (before a group's next turn), it says so by `in_time`: on a machine that was too
slow for that it is run again, as it proves nothing.
"""
import time
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

from alertmanager import ALERTMANAGERS, AlertmanagerPeer
from process import boottime, wait_until
from webhook import Webhook

GROUP_WAIT, GROUP_INTERVAL = 0.8, 2.0
# Two clocks are read, and a tick is not taken to the nanosecond.
EPSILON = 0.05
LANES = 14
TRIES = 6


class Late(Exception):
    """The machine was too slow for the scenario to mean anything."""


class Beat(threading.Thread):
    """Wakes up all the time and keeps when it could not: then programs under test could not, either."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stalls = []  # when they ended
        self.over = threading.Event()

    def run(self):
        last = boottime()
        while not self.over.wait(0.05):
            now = boottime()
            if now - last > 0.35:
                self.stalls.append(now)
            last = now

    def stalled_since(self, begin) -> bool:
        return any(at >= begin for at in self.stalls)


def stamp(at) -> str:
    """Seconds since 1970 as the API writes them."""
    return datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(text) -> float:
    """And back; what stands for "not yet" is 0."""
    if text.startswith("0001-"):
        return 0.0
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(head).replace(tzinfo=timezone.utc).timestamp() + float("0." + (fraction or "0"))


def alert(name, starts=None, ends=None, annotations=None, **labels):
    made = {"labels": {"alertname": name, **labels}, "annotations": annotations or {}}
    for key, at in (("startsAt", starts), ("endsAt", ends)):
        if at is not None:
            made[key] = stamp(at)
    return made


class Note:
    """One notification as it came."""

    def __init__(self, request):
        self.at = request.at
        body = request.json()
        self.status = body["status"]
        self.alerts = {a["labels"]["alertname"]: a for a in body["alerts"]}

    def __repr__(self):
        """`a! b.`: a fires, b is over."""
        return " ".join(sorted(name + "!."[a["status"] == "resolved"] for name, a in self.alerts.items()))


def settings(route="", receivers="/hook", more="", resolve_timeout="5m", interval="2s", repeat="10m"):
    """Of one receiver with a webhook for each of the paths; `{url}` stands for the service."""
    hooks = "".join(f"  - {{url: '{{url}}{path}'}}\n" for path in receivers.split())
    return f"""\
global: {{resolve_timeout: {resolve_timeout}}}
route:
  receiver: default
  group_by: []
  group_wait: 800ms
  group_interval: {interval}
  repeat_interval: {repeat}
{route}receivers:
- name: default
  webhook_configs:
{hooks}{more}"""


class Stage:
    """Of one scenario: the service that is told, and whoever tells it."""

    def __init__(self, kind, folder):
        self.kind = kind  # "tolld" or "peers"
        self.folder = folder
        self.hook = Webhook(0)
        self.started = []

    def start(self, text, options=(), **kwargs):
        am = ALERTMANAGERS[self.kind](self.folder / f"am{len(self.started)}", text.replace("{url}", self.hook.url),
                                      options, **kwargs)
        self.started.append(am)
        return am.start()

    def peer(self, text, **kwargs):
        """Debian's, whoever is tested."""
        am = AlertmanagerPeer(self.folder / f"peer{len(self.started)}", text.replace("{url}", self.hook.url), **kwargs)
        self.started.append(am)
        return am

    @property
    def heard(self):
        return [Note(r) for r in self.hook.of("/hook")]

    def hear(self, n, path="/hook"):
        """The n-th notification for the path, and that there are not more of them yet."""
        requests = self.hook.wait(path, n, 40, self.log)
        assert len(requests) == n, self.all_of(path)
        return Note(requests[-1])

    def no_more_than(self, n, seconds, path="/hook"):
        """Still n, that much later."""
        until(boottime() + seconds)
        assert len(self.hook.of(path)) == n, self.all_of(path)

    def all_of(self, path):
        return f"{[str(Note(r)) for r in self.hook.of(path)]}\n{self.log()}"

    def log(self):
        return "".join(am.log()[-3000:] for am in self.started)

    def end(self):
        for am in self.started:
            if am.process.child is not None:
                am.end()


def until(at):
    wait_until("time passes", lambda: boottime() >= at, max(0.0, at - boottime()) + 20, 0.01)


def in_time(since, seconds):
    """What was just done had to be done so soon after."""
    if boottime() - since > seconds:
        raise Late(f"{boottime() - since:.2f} s instead of {seconds} s")


def not_before(note, since, seconds):
    assert note.at >= since + seconds - EPSILON, f"{note} came after {note.at - since:.3f} s, not {seconds}"


def same_time(text, at, slack=0.002):
    """The API keeps milliseconds, and Alertmanager more."""
    assert abs(instant(text) - at) <= slack, f"{text} is not {stamp(at)}"


class Outcomes:
    """Runs the scenarios that were asked for, all at once, and tells of each when it is its turn."""

    def __init__(self, wanted, folder):
        """wanted: a list of (kind, scenario)."""
        self.beat = Beat()
        self.beat.start()
        self.folder = folder
        self.pool = ThreadPoolExecutor(LANES)
        self.results = {(kind, play.__name__): self.pool.submit(self.perform, kind, play) for kind, play in wanted}

    def perform(self, kind, play):
        for n in range(TRIES):
            stage = Stage(kind, self.folder / f"{play.__name__}-{kind}-{n}")
            begin = boottime()
            try:
                with stage.hook:
                    try:
                        return play(stage)
                    finally:
                        stage.end()
            except Late as late:
                reason = late
            except AssertionError as e:
                time.sleep(0.2)
                # A port that was free when it was chosen may be somebody's when it is needed.
                if not self.beat.stalled_since(begin) and "address already in use" not in str(e).lower():
                    raise
                reason = e
        raise AssertionError(f"{TRIES} times too late: {reason}")

    def result(self, kind, play):
        return self.results[kind, play.__name__].result()

    def end(self):
        self.pool.shutdown(cancel_futures=True)
        self.beat.over.set()
