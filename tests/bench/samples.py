"""Samples: how fast they are taken, asked and judged, and what they weigh, beside Prometheus."""
import glob
import gzip
import json
import os
import shutil
import statistics
import subprocess
import time
from contextlib import ExitStack

import dashboard
from history import INTERVAL_S, Feed, History, Parts, Recording
from process import ROOT, boottime, free_port, http, wait_until
from report import Row, rest
from subject import Ports

RULE_FILES = os.path.join(ROOT, "..", "shared", "conformance", "rule-files")
DAY_RULES = ("node-mixin-rules.yml", "node-mixin-alerts.yml", "host-and-hardware.yml")
ALERTMANAGER = "route: {receiver: none}\nreceivers: [{name: none}]\n"
# Nobody stores more than this ahead of the clock.
AHEAD_S = 9 * 60
LOADING_S = 2


def settings(port, interval, rules=()):
    return f"""\
global: {{scrape_interval: {interval}, scrape_timeout: {interval}, evaluation_interval: 5s}}
rule_files: [{", ".join(rules)}]
scrape_configs:
- job_name: feed
  honor_labels: true
  static_configs: [{{targets: ['localhost:{port}']}}]
"""


def write(folder, name, text):
    with open(os.path.join(folder, name), "w") as f:
        f.write(text)


def make(bench, kind, name, *options):
    """A subject without targets, not started."""
    folder = bench.place(f"{name}-{kind.name}")
    write(folder, "alertmanager.yml", ALERTMANAGER)
    write(folder, "prometheus.yml", settings(1, "1h"))
    ports = Ports.free()
    return kind(folder, ports, ["--storage.block-interval", "5s", *options] if kind.name == "tolld" else [])


def store(subject):
    """The process that has the samples."""
    return subject.processes[-1]


def reload(subject, text):
    write(subject.folder, "prometheus.yml", text)
    # Nobody says when it is done but the status.
    subject.reload()
    wait_until("the settings are taken", lambda: loaded(subject, text), 60, 0.1, subject.log)


def loaded(subject, text):
    shown = http(subject.url + "/api/v1/targets").json()["data"]["activeTargets"]
    port = text.split("localhost:")[1].split("'")[0]
    groups = http(subject.url + "/api/v1/rules").json()["data"]["groups"]
    return any(f":{port}/" in t["scrapeUrl"] for t in shown) and bool(groups) == ("rule_files: []" not in text)


def feed(subjects, parts):
    """All parts into all subjects, by scrapes."""
    with ExitStack() as stack:
        feeds = []
        for subject in subjects:
            port = free_port()
            feeds.append(stack.enter_context(Feed(port, parts)))
            reload(subject, settings(port, f"{LOADING_S}s"))
        rest(LOADING_S)
        for f in feeds:
            f.open = True
        wait_until("all is taken", lambda: all(f.done for f in feeds), 1200, 0.2)
    for subject in subjects:
        reload(subject, settings(1, "1h"))


def backfill(subject, parts):
    """Prometheus takes nothing that is older than an hour before its newest, so that blocks are made for it."""
    data = os.path.join(subject.folder, "prometheus-data")
    for first in range(0, parts.count(), 6):
        path = os.path.join(subject.folder, "history.txt")
        with open(path, "wb") as f:
            for i in range(first, min(first + 6, parts.count())):
                # Milliseconds, of which there are none, to seconds.
                f.write(gzip.decompress(parts.get(i)).replace(b"000\n", b"\n"))
            f.write(b"# EOF\n")
        subprocess.run(["promtool", "tsdb", "create-blocks-from", "openmetrics", path, data], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, check=True)
        os.unlink(path)


def expect_samples(subject, expr, at_s, least):
    got = http(subject.url + "/api/v1/query", "POST", {"query": expr, "time": at_s}, timeout=60).json()["data"]["result"]
    assert got and float(got[0]["value"][1]) >= least, f"{subject.name} lacks samples: {expr} is {got}, not {least}\n{subject.log()}"


def recording(bench):
    if not hasattr(bench, "recording"):
        bench.recording = Recording(bench.place("recording"), free_port())
    return bench.recording


class Day:
    """1,500 series over a day, in all subjects; the last hour came after a restart, as in a program that runs for long."""

    def __init__(self, bench):
        machines = max(1, round(1500 / len(recording(bench).first)))
        history = History(recording(bench), machines)
        self.n_series = len(history.walks)
        self.end_s = int(time.time() + AHEAD_S) // INTERVAL_S * INTERVAL_S
        # A day before now, and a little more.
        steps = (23 * 3600 + AHEAD_S) // INTERVAL_S + 4
        self.begin_s = self.end_s - 3600 - steps * INTERVAL_S
        self.empty = {}
        self.subjects = [make(bench, kind, "day").start() for kind in bench.subjects]
        bench.stack.callback(self.end)
        rest(5)
        for subject in self.subjects:
            self.empty[subject.name] = store(subject).memory_bytes()["private"]
        parts = Parts(history.parts(self.begin_s, steps))
        feed([s for s in self.subjects if s.name == "tolld"], parts)
        rest(6)  # the last block
        for subject in self.subjects:
            subject.end()
            if subject.name == "peers":
                backfill(subject, parts)
            if subject.name == "tolld":
                subject.processes[0].argv = [a if a != "5s" else "1h" for a in subject.processes[0].argv]
            subject.start()
        feed(self.subjects, Parts(history.parts(self.end_s - 3600, 240)))
        self.in_blocks = self.n_series * steps
        for subject in self.subjects:
            expect_samples(subject, "sum(count_over_time(node_load1[1d]))", self.end_s, machines * 24 * 239)

    def end(self):
        for subject in self.subjects:
            subject.end()


def day(bench):
    if not hasattr(bench, "day"):
        bench.day = Day(bench)
    return bench.day


# -- rules ------------------------------------------------------------------------------------------

def evaluations(subject, rounds):
    """The time of all rules together, of several evaluations."""
    took, seen = [], None

    def groups():
        return http(subject.url + "/api/v1/rules", timeout=60).json()["data"]["groups"]

    def news():
        now = groups()
        stamps = [g["lastEvaluation"] for g in now]
        if any(s.startswith("0001") or s.startswith("1970") for s in stamps):
            return None
        return now if not seen or all(a != b for a, b in zip(stamps, seen)) else None

    for _ in range(rounds):
        now = wait_until("all groups are evaluated", news, 120, 0.2, subject.log)
        seen = [g["lastEvaluation"] for g in now]
        bad = [r["lastError"] for g in now for r in g["rules"] if r["health"] == "err" and "duplicate" not in r["lastError"]]
        took.append(sum(r["evaluationTime"] for g in now for r in g["rules"]))
    return took, sum(len(g["rules"]) for g in now), bad


def measure_rules(bench, subjects, names):
    """{subject: median}, how many rules there are."""
    medians, n = {}, 0
    for subject in subjects:
        reload(subject, settings(1, "1h", names))
        took, n, _ = evaluations(subject, bench.n(5))
        medians[subject.name] = statistics.median(took)
        reload(subject, settings(1, "1h"))
    return medians, n


def rules_over_a_day(bench):
    """The rules of node-mixin and for hosts, on 1,500 series of a day."""
    if not os.path.isdir(RULE_FILES):
        print(f"rules_over_a_day: SKIPPED: there is no {RULE_FILES}")
        return []
    d = day(bench)
    for subject in d.subjects:
        for name in DAY_RULES:
            shutil.copyfile(os.path.join(RULE_FILES, name), os.path.join(subject.folder, name))
    medians, n = measure_rules(bench, d.subjects, DAY_RULES)
    return [Row("rules for hosts, one evaluation of all", "ms", f"{n} rules, {d.n_series} series x 24 h; median", **medians)]


RULES_OF_A_HOST = (
    'sum by (mode) (rate(node_cpu_seconds_total{HOST}[5m])) > 100',
    'avg without (cpu) (rate(node_cpu_seconds_total{HOST,mode="idle"}[2m])) < 0',
    'node_memory_MemAvailable_bytes{HOST} / node_memory_MemTotal_bytes{HOST} < 0.01',
    'node_load1{HOST} > 100 and node_load5{HOST} > 100',
    'rate(node_vmstat_pgmajfault{HOST}[1m]) > 1e6',
    'predict_linear(node_filesystem_avail_bytes{HOST}[30m], 4 * 3600) < 0',
    'node_filesystem_readonly{HOST} > 1',
    'increase(node_network_receive_errs_total{HOST}[5m]) > 10',
    'max_over_time(node_procs_blocked{HOST}[10m]) > 1000',
    'absent(node_uname_info{HOST})',
)


def write_many_rules(folder, machines, of_each):
    """`of_each` rules for each machine, each machine's in a group."""
    lines = ["groups:"]
    for m in range(machines):
        lines += [f"- name: host{m}", "  rules:"]
        for i in range(of_each):
            expr = RULES_OF_A_HOST[i % len(RULES_OF_A_HOST)].replace("HOST", f'instance="host{m}:9100"')
            lines += [f"  - alert: Rule{m}x{i}", f"    expr: '{expr}'"]
    write(folder, "many.yml", "\n".join(lines) + "\n")


def crowd(bench, name, machines, steps, ahead_s):
    """Subjects with so many machines' samples up to `ahead_s` from now."""
    history = History(recording(bench), machines)
    subjects = [make(bench, kind, name, "--storage.memory-limit", "1GB", "--storage.block-interval", "1h") for kind in bench.subjects]
    for subject in subjects:
        subject.start()
    end_s = int(time.time() + ahead_s) // INTERVAL_S * INTERVAL_S
    feed(subjects, Parts(history.parts(end_s - steps * INTERVAL_S, steps)))
    for subject in subjects:
        expect_samples(subject, "sum(count_over_time(node_load1[1d]))", end_s, machines * (steps - 1))
    return subjects, len(history.walks)


def thousand_rules(bench):
    """1,000 rules on 10,000 series."""
    subjects, n_series = crowd(bench, "rules", round(10000 / len(recording(bench).first)), 240, AHEAD_S)
    try:
        machines = round(10000 / len(recording(bench).first))
        for subject in subjects:
            write_many_rules(subject.folder, machines, 1000 // machines)
        medians, n = measure_rules(bench, subjects, ["many.yml"])
    finally:
        for subject in subjects:
            subject.end()
    return [Row("many rules, one evaluation of all", "ms", f"{n} rules, {n_series} series; median", **medians)]


# -- queries ----------------------------------------------------------------------------------------

def ask(subject, **form):
    begun = boottime()
    answer = http(subject.url + "/api/v1/query_range", "POST", form, timeout=120).json()
    took = boottime() - begun
    assert answer["status"] == "success", f"{form}: {answer}"
    return took, sum(len(s["values"]) for s in answer["data"]["result"])


def node_dashboard(bench):
    """A dashboard of one machine: twenty panels over a day at 15 s."""
    d = day(bench)
    end_s = d.end_s - AHEAD_S
    span = {"start": end_s - 24 * 3600, "end": end_s, "step": INTERVAL_S}
    best, points = {s.name: [] for s in d.subjects}, {s.name: 0 for s in d.subjects}
    for expr in dashboard.EXPRESSIONS:
        # In turns: other work on the machine shall meet both.
        asked = [(s.name, *ask(s, query=expr, **span)) for _ in range(bench.n(5)) for s in d.subjects]
        for subject in d.subjects:
            best[subject.name].append(min(took for name, took, _ in asked if name == subject.name))
            points[subject.name] += next(n for name, _, n in asked if name == subject.name)
    note = f"{max(points.values())} points, each panel the best of {bench.n(5)}"
    if len(best) == 2:
        note += "; by panel " + ", ".join(f"{b / a:.1f}" for a, b in zip(best["tolld"], best["peers"]))
    assert len(set(points.values())) == 1 or max(points.values()) < 1.01 * min(points.values()), points
    return [Row("dashboard of 20 panels, 24 h at 15 s", "ms", note, **{name: sum(took) for name, took in best.items()})]


# -- what samples weigh -------------------------------------------------------------------------------

def weight(bench):
    """Memory and disk of a day of 1,500 series."""
    d = day(bench)
    rest(70)  # what goes out of memory each minute has gone
    rows, memory, disk = [], {}, {}
    for subject in d.subjects:
        memory[subject.name] = (store(subject).memory_bytes()["private"] - d.empty[subject.name]) / d.n_series
        disk[subject.name] = disk_bytes(subject, d)
    note = f"{d.n_series} series, the last hour of a day at 15 s after a restart; without what it takes with none"
    rows.append(Row("memory for a series", "kB", note, **memory))
    rows.append(Row("disk for a sample", "B", f"blocks of {d.in_blocks} samples of node_exporter", **disk))
    return rows


def disk_bytes(subject, d):
    """Of a sample in a block; the index counts."""
    if subject.name == "tolld":
        blocks = glob.glob(os.path.join(subject.folder, "data/samples/*.block"))
        return sum(map(os.path.getsize, blocks)) / d.in_blocks
    size, samples = 0, 0
    for meta in glob.glob(os.path.join(subject.folder, "prometheus-data/*/meta.json")):
        with open(meta) as f:
            samples += json.load(f)["stats"]["numSamples"]
        size += sum(os.path.getsize(p) for p in glob.glob(os.path.dirname(meta) + "/**", recursive=True) if os.path.isfile(p))
    return size / samples


# -- ingest -------------------------------------------------------------------------------------------

APPENDED = {"tolld": "tolld_tsdb_samples_appended_total", "peers": "prometheus_tsdb_head_samples_appended_total"}


def appended(subject):
    for line in http(subject.url + "/metrics").text.splitlines():
        if line.startswith(APPENDED[subject.name]):
            return sum(float(l.rsplit(" ", 1)[1]) for l in [line])
    raise AssertionError("there is no " + APPENDED[subject.name])


def ingest_of(bench, machines, seconds):
    """({subject: processor time for a sample}, series): scrapes each second, of values that move."""
    history = History(recording(bench), machines)
    parts = Parts((history.now() for _ in range(4)), compressed=False)
    took = {}
    for kind in bench.subjects:
        port = free_port()
        subject = make(bench, kind, f"ingest-{machines}", "--storage.memory-limit", "1GB", "--storage.block-interval", "1h")
        with Feed(port, parts, again=True) as source, subject:
            reload(subject, settings(port, "1s"))
            source.open = True
            # The first scrapes make the series.
            wait_until("series are made", lambda: source.given >= 3, 60, 0.1, subject.log)
            cpu, samples = store(subject).cpu_seconds(), appended(subject)
            rest(seconds)
            cpu, samples = store(subject).cpu_seconds() - cpu, appended(subject) - samples
        assert samples > len(history.walks), f"{subject.name} took {samples} samples\n{subject.log()}"
        took[kind.name] = cpu / samples * 1e9
    return took, len(history.walks)


def ingest(bench):
    """Samples of 10,000 series taken by scrapes, by processor time."""
    took, n_series = ingest_of(bench, round(10000 / len(recording(bench).first)), bench.n(15))
    rate = ", ".join(f"{name} {1e3 / t:.2f} million/s" for name, t in took.items())
    return [Row("ingest of text, processor time for a sample", "ns", f"{n_series} series each second; a core takes: {rate}", **took)]


# -- growth -------------------------------------------------------------------------------------------

def growth(bench):
    """Ten times the series: rules, a query and a scrape of 1 k, 10 k and 100 k."""
    took = {}
    for n in (1000, 10000, 100000):
        machines = round(n / len(recording(bench).first))
        subjects, n_series = crowd(bench, f"growth-{n}", machines, 32, 240)
        try:
            for subject in subjects:
                write(subject.folder, "few.yml", "groups:\n- name: few\n  rules:\n" + "".join(
                    f"  - alert: Rule{i}\n    expr: '{e}'\n" for i, e in enumerate(
                        e.replace("HOST", 'job="node"') for e in RULES_OF_A_HOST)))
            rules, _ = measure_rules(bench, subjects, ["few.yml"])
            now = time.time()
            query = {s.name: min(ask(s, query="sum by (mode) (rate(node_cpu_seconds_total[2m]))",
                                     start=now - 60, end=now, step=15)[0] for _ in range(bench.n(3))) for s in subjects}
        finally:
            for subject in subjects:
                subject.end()
        scrape, _ = ingest_of(bench, machines, bench.n(10))
        for what, times in (("rules", rules), ("query", query), ("scrape", {k: t / 1e9 * n_series for k, t in scrape.items()})):
            for name, t in times.items():
                took.setdefault((what, name), []).append(t / n_series * n)
    rows = []
    for what in ("rules", "query", "scrape"):
        for i, size in ((1, "10 k : 1 k"), (2, "100 k : 10 k")):
            values = {name: took[what, name][i] / took[what, name][i - 1] for name in (k.name for k in bench.subjects)}
            times = "; ".join(f"{k.name} " + ", ".join(f"{t * 1e3:.1f}" for t in took[what, k.name]) + " ms" for k in bench.subjects)
            rows.append(Row(f"growth of {what}, {size} series", "ratio", times, **values))
    return rows


SECTIONS = [rules_over_a_day, node_dashboard, weight, thousand_rules, ingest, growth]
