#!/usr/bin/python3
"""How fast and how small tolld is beside the programs it stands for, measured in the same run.

    bench.py [-k PATTERN] [--subjects tolld,peers] [--rounds SCALE]

Each figure is a row: tolld, the peers, their ratio, and what was measured. Real processes, the real
kernel, a real mail server on this machine. Needs root for the kernel backend; takes about half an hour.
"""
import argparse
import http.client
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
import alerts  # noqa: E402
import samples  # noqa: E402
from mailbox import Mailbox  # noqa: E402
from many import many_services  # noqa: E402
from process import ROOT, Process, answers, boottime, free_port, http as http_get, wait_until  # noqa: E402
from report import Row, quantile, rest, show  # noqa: E402
from subject import SUBJECTS, Ports, Timing, node_exporter, wait_for_exporter, write_seed, write_settings  # noqa: E402

FAST = Timing(metrics_path="/metrics.txt", scrape_interval="1s", evaluation_interval="1s", hold="0s", group_wait="0s", group_interval="1s")


class Bench:
    def __init__(self, subjects, scale):
        self.subjects = subjects
        self.scale = scale
        self.folder = tempfile.mkdtemp(prefix="tolld-bench-")
        self.stack = ExitStack()  # what several sections share, ended with the last

    def n(self, rounds):
        return max(1, int(rounds * self.scale))

    def place(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(path)
        return path

    # -- a target that starts in a millisecond --

    def listener(self, folder, port):
        """A real process that serves a target: busybox's httpd, which tells a type by the ending .txt."""
        www = os.path.join(folder, "www")
        os.makedirs(www, exist_ok=True)
        with open(os.path.join(www, "metrics.txt"), "w") as f:
            f.write("# TYPE alive gauge\nalive 1\n")
        return Process("listener", ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", www], folder)


class Awake:
    """Keeps the processors from sleeping, by loops that yield to everything: in a virtual machine, waking one takes
    the host milliseconds now and then, which is no property of the programs."""

    def __enter__(self):
        self.loops = [
            subprocess.Popen(["taskset", "-c", str(cpu), "chrt", "-i", "0", sys.executable, "-c", "while True: pass"],
                             stdin=subprocess.DEVNULL)
            for cpu in os.sched_getaffinity(0)]
        return self

    def __exit__(self, *_):
        for loop in self.loops:
            loop.kill()
            loop.wait()


def poll_up(connection):
    """`up` of job node over a connection that stays open: the asking must not cost more than what it measures."""
    connection.request("GET", "/api/v1/query?query=up%7Bjob%3D%22node%22%7D")
    result = json.loads(connection.getresponse().read())["data"]["result"]
    return result[0]["value"][1] if result else None


def last_death(subject, name):
    services = http_get(subject.url + "/api/v1/services").json()["data"]["services"]
    return next(s["lastDeath"] for s in services if s["name"] == name)


def machine_alone(bench, rounds):
    """kill -9 until the simplest program, which only waits for the death, has woken up: no tolld runs."""
    helper = os.path.join(ROOT, "build/tests/helpers/wake_on_death")
    folder = bench.place("machine")
    target = bench.listener(folder, free_port())
    took = []
    with Awake():
        for _ in range(rounds):
            target.start()
            rest(random.uniform(0.02, 0.3))
            with subprocess.Popen([helper, str(target.pid)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as waiter:
                waiter.stdout.readline()
                killed = target.kill()
                took.append(int(waiter.stdout.readline()) / 1e9 - killed)
            target.wait()
    return took


def deaths(bench, kind, rounds, seen, longest_rest):
    """seen(subject, connection, killed) for each kill -9 of a target's process, which is up before."""
    folder = bench.place(f"{seen.__name__}-{kind.name}")
    ports = Ports.free()
    write_settings(folder, ports, Timing(hold="1h", metrics_path="/metrics.txt"))
    target = bench.listener(folder, ports.exporter)
    out = []
    with kind(folder, ports) as subject, Awake():
        connection = http.client.HTTPConnection("127.0.0.1", ports.prometheus, timeout=10)
        connection.connect()
        for _ in range(rounds):
            target.start()
            wait_until("up", lambda: poll_up(connection) == "1", 10, 0.005, subject.log)
            rest(random.uniform(0.02, longest_rest))
            killed = target.kill()
            out.append(seen(subject, connection, killed))
            target.wait()
        connection.close()
    return out


def as_read(subject, connection, killed):
    while poll_up(connection) != "0":
        if boottime() - killed > 10:
            raise AssertionError("a death was never seen\n" + subject.log())
    return boottime() - killed


def as_stored(subject, connection, killed):
    """By tolld's own clock, and from the death in the kernel: nobody asks meanwhile, for answering takes its time, too."""
    rest(0.03)
    as_read(subject, connection, killed)
    death = last_death(subject, f"localhost:{subject.ports.exporter} node")
    return death["atBootSeconds"] + death["sampleAfterSeconds"] - killed, death["sampleAfterSeconds"]


def seen_down(bench):
    """kill -9 of a target's process until `up == 0`: in tolld's store by its own clock, and as read from the API."""
    alone, stored = [], []
    for kind in bench.subjects:
        if kind.name == "tolld":
            alone = machine_alone(bench, bench.n(200))
            stored = deaths(bench, kind, bench.n(200), as_stored, 0.3)
    times = {kind.name: deaths(bench, kind, bench.n(60 if kind.name == "tolld" else 20), as_read, 0.3 if kind.name == "tolld" else 1.0)
             for kind in bench.subjects}
    note = ", ".join(f"n={len(t)} for {k}" for k, t in times.items()) + "; scrape_interval 1s; asked without a pause"
    rows = [Row("kill -9 to up == 0 as read, median", "ms", note, **{k: statistics.median(t) for k, t in times.items()}),
            Row("kill -9 to up == 0 as read, most", "ms", note, **{k: max(t) for k, t in times.items()})]
    for title, note, t in (
            ("kill -9 to up == 0 in the store", "when the sample was written", [s for s, _ in stored]),
            ("of it after the death in the kernel", "tolld's own part", [own for _, own in stored]),
            ("control: kill -9 to a program that only waits", "epoll on a pidfd, without tolld", alone)):
        if t:
            rows += [Row(f"{title}, {what}", "ms", f"n={len(t)}; {note}", tolld=value)
                     for what, value in (("median", statistics.median(t)), ("p90", quantile(t, 0.9)),
                                         ("p99", quantile(t, 0.99)), ("most", max(t)))]
            rows.append(Row(f"{title}: later than 2 ms", "count", f"of {len(t)}", tolld=sum(x > 0.002 for x in t)))
    return rows


def over_the_floor(bench):
    """The owner's files: kill -9 until the mail is accepted, less the 70 s that `for` and group_wait ask."""
    pairs = bench.n(4)
    took = {kind.name: [] for kind in bench.subjects}
    errors = []

    def one(n):
        try:
            with ExitStack() as stack:
                exporter_port = free_port()
                running = []
                for kind in bench.subjects:
                    folder = bench.place(f"seed-{n}-{kind.name}")
                    ports = Ports(free_port(), free_port(), exporter_port, free_port())
                    write_seed(folder, ports)
                    box = stack.enter_context(Mailbox(ports.smtp, folder))
                    running.append((kind.name, box, stack.enter_context(kind(folder, ports))))
                exporter = stack.enter_context(node_exporter(bench.place(f"seed-{n}-exporter"), exporter_port))
                wait_for_exporter(exporter_port)
                for _, _, subject in running:
                    wait_until("up", lambda: subject.up() == "1", 40, 0.1, subject.log)
                rest(random.uniform(0, 15))  # any phase of the 15 s intervals
                killed = exporter.kill()
                for name, box, subject in running:
                    mail, = box.wait(1, 130, subject.log)
                    took[name].append(mail.accepted - killed - 70.0)
        except AssertionError as e:
            errors.append(e)

    threads = [threading.Thread(target=one, args=(n,)) for n in range(pairs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    note = f"the owner's files, n={pairs} deaths seen by both at once; over for + group_wait = 70 s"
    return [Row("kill -9 to mail, over the floor, median", "s", note, **{k: statistics.median(t) for k, t in took.items()}),
            Row("kill -9 to mail, over the floor, most", "s", note, **{k: max(t) for k, t in took.items()})]


def mail_at_once(bench):
    """for: 0s and group_wait: 0s: kill -9 until the mail is accepted."""
    times = {}
    for kind in bench.subjects:
        folder = bench.place(f"mail-{kind.name}")
        ports = Ports.free()
        write_settings(folder, ports, FAST)
        target = bench.listener(folder, ports.exporter)
        took = times[kind.name] = []
        with Mailbox(ports.smtp, folder) as box, kind(folder, ports) as subject:
            for _ in range(bench.n(30 if kind.name == "tolld" else 10)):
                target.start()
                wait_until("up", lambda: subject.up() == "1", 10, 0.02, subject.log)
                wait_until("the last alert is over", lambda: not subject.alerts(), 20, 0.05, subject.log)
                rest(2.5 + random.uniform(0, 1))  # the group is told of the end, and forgotten
                box.clear()
                killed = target.kill()
                mail, = box.wait(1, 30, subject.log)
                took.append(mail.accepted - killed)
                target.wait()
    note = ", ".join(f"n={len(t)} for {k}" for k, t in times.items()) + "; STARTTLS and AUTH included; intervals 1s"
    return [Row("for 0, group_wait 0: kill -9 to mail, median", "ms", note,
                **{k: statistics.median(t) for k, t in times.items()}),
            Row("for 0, group_wait 0: kill -9 to mail, most", "ms", note, **{k: max(t) for k, t in times.items()})]


def rest_of_one(bench, kind, exporter_port, seconds):
    """(processor's share, memory of each process), after two scrapes of each target."""
    folder = bench.place(f"rest-{kind.name}")
    ports = Ports(free_port(), free_port(), exporter_port, free_port())
    write_seed(folder, ports)
    with kind(folder, ports) as subject:
        rest(32)
        before = sum(p.cpu_seconds() for p in subject.processes)
        rest(seconds)
        cpu = (sum(p.cpu_seconds() for p in subject.processes) - before) / seconds
        return cpu, [p.memory_bytes() for p in subject.processes]


def at_rest(bench):
    """Memory and processor time with the owner's files and nothing happening."""
    # Go collects its garbage every two minutes, tolld looks at all processes every minute: several of each.
    seconds = max(10, int(300 * bench.scale))
    exporter_port = free_port()
    with node_exporter(bench.place("rest-exporter"), exporter_port, small=False):
        wait_for_exporter(exporter_port)
        # One after the other: side by side each would find the caches full of what the other left there.
        got = {kind.name: rest_of_one(bench, kind, exporter_port, seconds) for kind in bench.subjects}
    note = "the owner's files, a whole node_exporter scraped every 15 s, each by itself"
    rows = [Row(f"{what} at rest", "MB", note, **{n: sum(m[what] for m in ms) / 1e6 for n, (_, ms) in got.items()})
            for what in ("rss", "pss", "private")]
    return rows + [Row("processor at rest", "ms/s", note + f", over {seconds} s", **{n: cpu for n, (cpu, _) in got.items()})]


def loaded_programs():
    """tolld's programs in the kernel, by number: of every tolld that runs here."""
    shown = subprocess.run(["bpftool", "-j", "prog", "show"], stdin=subprocess.DEVNULL, capture_output=True)
    return {p["id"]: p for p in json.loads(shown.stdout or "[]") if p.get("name", "").startswith("tolld_")}


def cost_of_watching(bench):
    """What a machine's other processes pay: fork and exit with and without the watch."""
    loop = os.path.join(ROOT, "build/tests/helpers/fork_loop")
    kinds = [k for k in bench.subjects if k.name == "tolld"]
    if not kinds or not os.access(loop, os.X_OK):
        return []
    folder = bench.place("cost")
    ports = Ports.free()
    write_settings(folder, ports, Timing(scrape_interval="15s", hold="1h"))
    subject = kinds[0](folder, ports)

    def measure():
        # On one processor: where the scheduler puts a child makes more difference than what is measured.
        done = subprocess.run(["taskset", "-c", str(max(os.sched_getaffinity(0))), loop, "2000"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        return int(done.stdout)

    without, with_it, wakeups, rows = [], [], [], []
    measure()
    # Taken in turns: the machine's other load drifts slower than that.
    for _ in range(bench.n(8)):
        without.append(measure())
        subject.start()
        rest(0.5)
        before = subject.processes[0].wakeups()
        with_it.append(measure())
        wakeups.append(subject.processes[0].wakeups() - before)
        subject.end()
    pairs = [b / a for a, b in zip(without, with_it)]
    rows.append(Row("fork + exit of an unwatched process, with : without", "ratio",
                    f"median of {len(pairs)} pairs of 2000; {statistics.median(without) / 1e3:.1f} us without",
                    tolld=statistics.median(pairs)))
    rows.append(Row("tolld is woken meanwhile", "count", "by its own timers: median, of 2000 that end", tolld=statistics.median(wakeups)))
    switch = "/proc/sys/kernel/bpf_stats_enabled"
    if os.access(switch, os.W_OK):
        with open(switch) as f:
            was = f.read()
        others = loaded_programs()
        subject.start()
        try:
            with open(switch, "w") as f:
                f.write("1")
            measure()
            programs = [p for number, p in loaded_programs().items() if number not in others]
        finally:
            with open(switch, "w") as f:
                f.write(was)
            subject.end()
        for p in programs:
            if p.get("run_cnt"):
                rows.append(Row(f"{p['name']}, one run", "ns", f"bpf_stats, {p['run_cnt']} runs; the counting itself is about 55",
                                tolld=p["run_time_ns"] / p["run_cnt"]))
    return rows


SECTIONS = [seen_down, mail_at_once, over_the_floor, at_rest, cost_of_watching, many_services, *samples.SECTIONS, *alerts.SECTIONS]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-k", dest="pattern", default="")
    parser.add_argument("--subjects", default="tolld,peers")
    parser.add_argument("--rounds", type=float, default=1.0, help="scales how often each is measured")
    args = parser.parse_args()
    subjects = [SUBJECTS[n] for n in args.subjects.split(",")]
    bench = Bench(subjects, args.rounds)
    failed = False
    try:
        for section in SECTIONS:
            if args.pattern not in section.__name__:
                continue
            try:
                rows = section(bench)
            except Exception as e:
                print(f"{section.__name__} failed: {e}", flush=True)
                failed = True
                continue
            if rows:
                print(f"# {section.__doc__.split(chr(10))[0]}")
                show(rows, subjects)
    finally:
        bench.stack.close()
        shutil.rmtree(bench.folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
