"""What many watched services cost: memory, processor at rest, and how late a death among them is known.

Each service is a process of its own, a child of tests/helpers/nursery, named by a pidfile. The peer is monit, which
watches the same: it looks every second, which is as often as it can.
"""
import os
import random
import shutil
import signal
import subprocess
import time

from process import ROOT, Process, boottime, http as http_get, wait_until
from report import Row, quantile, rest
from subject import Ports, Tolld

SIZES = (10, 100, 1000, 10000)
BACKENDS = ("kernel", "pidfd")
SETTINGS = """\
global:
  scrape_interval: 15s
  evaluation_interval: 15s
rule_files: [rules.yml]
watch:
"""
RULES = """\
groups:
  - name: watch
    rules:
      - {alert: ServiceDown, expr: up == 0, for: 1h}
"""
ALERTING = """\
route: {receiver: nobody}
receivers: [{name: nobody}]
"""
REST_S = 60
DEATHS = 200
MONIT_SIZES = (10, 100, 1000)
MONIT_DEATHS = 20


class Nursery:
    """So many processes, each of which waits for its end; they end with the block."""

    def __init__(self, n):
        self.n = n
        self.pids = []

    def __enter__(self):
        helper = os.path.join(ROOT, "build/tests/helpers/nursery")
        self.child = subprocess.Popen([helper, str(self.n), "unwaited"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            if line == "ready\n":
                return self
            self.pids.append(int(line))
        raise AssertionError(f"no {self.n} processes can be made here")

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait()


def write_files(folder, nursery):
    with open(os.path.join(folder, "rules.yml"), "w") as f:
        f.write(RULES)
    with open(os.path.join(folder, "alertmanager.yml"), "w") as f:
        f.write(ALERTING)
    with open(os.path.join(folder, "prometheus.yml"), "w") as settings:
        settings.write(SETTINGS)
        for i, pid in enumerate(nursery.pids):
            path = os.path.join(folder, f"s{i}.pid")
            with open(path, "w") as f:
                f.write(f"{pid}\n")
            settings.write(f"  - {{service: s{i}, pidfile: {path}}}\n")


def count_up(subject):
    got = subject.query('count(up{job="watch"} == 1)')
    return int(got[0][1]) if got else 0


def deaths_of(subject, nursery, n):
    """Kills n of them, one after the other; seconds from each kill until `up == 0` was in the store."""
    victims = random.sample(range(nursery.n), n)
    killed = {}
    for i in victims:
        killed[f"s{i}"] = boottime()
        os.kill(nursery.pids[i], signal.SIGKILL)
        rest(random.uniform(0.02, 0.08))
    wait_until("all deaths are known", lambda: count_up(subject) == nursery.n - n, 60, 0.5, subject.log)
    services = http_get(subject.url + "/api/v1/services", timeout=60).json()["data"]["services"]
    deaths = {s["name"]: s.get("lastDeath") for s in services if s["name"] in killed}
    return [d["atBootSeconds"] + d["sampleAfterSeconds"] - killed[name] for name, d in deaths.items()]


def one_size(bench, backend, n):
    """(memory, processor's share at rest, seconds to the first look at all, latencies of deaths)"""
    folder = bench.place(f"many-{backend}-{n}")
    ports = Ports.free()
    with Nursery(n) as nursery:
        write_files(folder, nursery)
        began = boottime()
        with Tolld(folder, ports, ["--watch.backend", backend]) as subject:
            wait_until(f"all {n} are up", lambda: count_up(subject) == n, 300, 0.2, subject.log)
            start_s = boottime() - began
            process = subject.processes[0]
            rest(35)  # two passes, and what the start left is given back
            before, seconds = process.cpu_seconds(), max(30, int(REST_S * bench.scale))
            rest(seconds)
            cpu = (process.cpu_seconds() - before) / seconds
            memory = process.memory_bytes()
            took = deaths_of(subject, nursery, min(n // 2, bench.n(DEATHS)))
            return memory, cpu, start_s, took


def write_monitrc(folder, nursery):
    """Says of each death by making a file, whose time is when it was known, to a tick of the kernel's."""
    path = os.path.join(folder, "monitrc")
    with open(path, "w") as f:
        os.chmod(path, 0o600)
        f.write(f"set daemon 1\nset logfile {folder}/monit.log\nset pidfile {folder}/monit.pid\n"
                f"set idfile {folder}/monit.id\nset statefile {folder}/monit.state\n")
        for i, pid in enumerate(nursery.pids):
            pidfile = os.path.join(folder, f"s{i}.pid")
            with open(pidfile, "w") as out:
                out.write(f"{pid}\n")
            f.write(f"check process s{i} with pidfile {pidfile}\n"
                    f"  if not exist then exec \"/usr/bin/touch {folder}/gone-s{i}\"\n")
    return path


def monit_deaths(folder, nursery):
    took = []
    for i in random.sample(range(nursery.n), min(nursery.n // 2, MONIT_DEATHS)):
        gone = os.path.join(folder, f"gone-s{i}")
        rest(random.uniform(0, 1))
        killed = time.time()
        os.kill(nursery.pids[i], signal.SIGKILL)
        wait_until("monit knows", lambda: os.path.exists(gone), 30)
        took.append(os.stat(gone).st_mtime - killed)
    return took


def monit(bench, n):
    """As one_size(), without the time of the start; None where there is no monit."""
    if not shutil.which("monit"):
        return None
    folder = bench.place(f"monit-{n}")
    with Nursery(n) as nursery:
        path = write_monitrc(folder, nursery)
        with Process("monit", ["monit", "-I", "-c", path], folder) as process:
            rest(20)
            before, seconds = process.cpu_seconds(), max(20, int(REST_S * bench.scale))
            rest(seconds)
            cpu = (process.cpu_seconds() - before) / seconds
            return process.memory_bytes(), cpu, monit_deaths(folder, nursery)


def many_services(bench):
    """10 to 10,000 watched services, each a process of its own; the peer is monit."""
    names = {k.name for k in bench.subjects}
    peers = {n: monit(bench, n) if "peers" in names else None for n in MONIT_SIZES}
    rows = []
    for backend in BACKENDS if "tolld" in names else ():
        for n in SIZES:
            memory, cpu, start_s, took = one_size(bench, backend, n)
            title = f"{n} services, {backend}: "
            peer = peers.get(n)

            def row(what, unit, note, mine, theirs):
                rows.append(Row(title + what, unit, note, tolld=mine, **({"peers": theirs(*peer)} if peer else {})))

            row("memory, resident", "MB", "", memory["rss"] / 1e6, lambda m, c, t: m["rss"] / 1e6)
            row("memory, private", "MB", "", memory["private"] / 1e6, lambda m, c, t: m["private"] / 1e6)
            row("processor at rest", "ms/s", "figures every 15 s; monit looks every second", cpu, lambda m, c, t: c)
            rows.append(Row(title + "from the start until all are up", "s", "", tolld=start_s))
            for name, q in (("median", 0.5), ("p99", 0.99)):
                row(f"kill -9 until it is known, {name}", "ms", f"n={len(took)}; up == 0 in the store",
                    quantile(took, q), lambda m, c, t, q=q: quantile(t, q))
    return rows
