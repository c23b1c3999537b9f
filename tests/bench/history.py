"""Hours of samples of node_exporters, as they would have been: what it says twice, and how that moved in between.

A counter that moved goes on at its pace, now faster and now slower; a gauge that moved wanders; whole numbers
stay whole. Samples have their own times, so that a program takes hours of them within seconds, by scrapes.
"""
import gzip
import random
import threading

from exporter import Target
from process import boottime, http as http_get, wait_until
from subject import node_exporter, wait_for_exporter

INTERVAL_S = 15
# Of one answer to a scrape: tolld takes 200,000.
MAX_SAMPLES = 150000


def parse(text):
    """{series as written: value as written} and the types of their families."""
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            types[name] = kind
        elif line and not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            values[series] = value
    return values, types


class Recording:
    """Two scrapes of a real node_exporter, `apart_s` apart."""

    def __init__(self, folder, port):
        url = f"http://127.0.0.1:{port}/metrics"
        with node_exporter(folder, port, small=False):
            wait_for_exporter(port)
            first = boottime()
            self.first, self.types = parse(http_get(url).text)
            wait_until("three seconds pass", lambda: boottime() >= first + 3, 20)
            self.second, _ = parse(http_get(url).text)
            self.apart_s = boottime() - first

    def counts(self, series):
        return self.types.get(series.split("{")[0]) in ("counter", "histogram", "summary")


def labelled(series, instance):
    name, brace, rest = series.partition("{")
    return f'{name}{{job="node",instance="{instance}",{rest}' if brace else f'{name}{{job="node",instance="{instance}"}}'


class Walk:
    """One series' values, one after the other."""

    def __init__(self, recording, series, instance, seed):
        first, second = recording.first[series], recording.second.get(series, recording.first[series])
        self.shown = labelled(series, instance)
        self.whole = "." not in first + second and "e" not in first + second
        self.moved = (float(second) - float(first)) * INTERVAL_S / recording.apart_s
        self.counts = recording.counts(series)
        self.value = float(first)
        # In a real run a value hardly stands where another's is.
        self.random = random.Random(f"{seed} {self.shown}")

    def next(self):
        if self.moved:
            by = self.random.uniform(0.5, 1.5) if self.counts else self.random.uniform(-1, 1)
            self.value += abs(self.moved) * by
            if not self.counts:
                self.value = abs(self.value)
        return str(int(self.value)) if self.whole and self.value == self.value else repr(round(self.value, 6))


class History:
    """All series of so many machines; the parts are text, each a stretch of time."""

    def __init__(self, recording, machines, seed=1):
        self.walks = [Walk(recording, series, f"host{n}:9100", seed)
                      for n in range(machines) for series in recording.first]

    def now(self):
        """One sample of each series, without its time."""
        return "".join(f"{w.shown} {w.next()}\n" for w in self.walks).encode()

    def parts(self, begin_s, steps):
        at_once = max(1, min(120, MAX_SAMPLES // len(self.walks)))
        for from_step in range(0, steps, at_once):
            times = [f" {(begin_s + i * INTERVAL_S) * 1000}\n" for i in range(from_step, min(steps, from_step + at_once))]
            yield "".join(f"{w.shown} {w.next()}{t}" for w in self.walks for t in times).encode()


class Parts:
    """Parts that several ask for, made once and kept, compressed or not."""

    def __init__(self, parts, compressed=True):
        self._parts, self._made, self._lock = parts, [], threading.Lock()
        self.compressed = compressed

    def count(self):
        """Of all of them, which are made for it."""
        while self.get(len(self._made)) is not None:
            pass
        return len(self._made)

    def get(self, i):
        """None where there is no such part."""
        with self._lock:
            while len(self._made) <= i:
                part = next(self._parts, None)
                if part is None:
                    return None
                self._made.append(gzip.compress(part, 1) if self.compressed else part)
            return self._made[i]


class Feed(Target):
    """A target that gives the next part at each scrape, and nothing when there is no more; `again`: from the first one.

    Until it is `open` it gives nothing: a program that has just learnt of a target may ask it twice at once.
    """

    def __init__(self, port, parts, again=False):
        self.open = self.done = False
        self.given = 0
        self._parts, self._again = parts, again
        super().__init__(port, encoding="gzip" if parts.compressed else None)

    def body(self):
        body = self._parts.get(self.given) if self.open else b""
        if body is None and self._again:
            self.given, body = 0, self._parts.get(0)
        self.done = body is None
        self.given += bool(body)
        return body or (gzip.compress(b"") if self._parts.compressed else b"")
