"""What many watched services cost: memory, processor at rest, and how late a death among them is known.

Each service is a process of its own, a child of tests/helpers/nursery, named by a pidfile.
"""
import os
import random
import signal
import subprocess

from process import ROOT, boottime, http as http_get, wait_until
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


class Nursery:
    """So many processes, each of which waits for its end; they end with the block."""

    def __init__(self, n):
        self.n = n
        self.pids = []

    def __enter__(self):
        helper = os.path.join(ROOT, "build/tests/helpers/nursery")
        self.child = subprocess.Popen([helper, str(self.n)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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


def many_services(bench):
    """10 to 10,000 watched services, each a process of its own."""
    if all(k.name != "tolld" for k in bench.subjects):
        return []
    rows = []
    for backend in BACKENDS:
        for n in SIZES:
            memory, cpu, start_s, took = one_size(bench, backend, n)
            title = f"{n} services, {backend}: "
            rows += [
                Row(title + "memory, resident", "MB", "", tolld=memory["rss"] / 1e6),
                Row(title + "memory, private", "MB", "", tolld=memory["private"] / 1e6),
                Row(title + "processor at rest", "ms/s", "scrape_interval 15s", tolld=cpu),
                Row(title + "from the start until all are up", "s", "", tolld=start_s),
                Row(title + "kill -9 to up == 0 in the store, median", "ms", f"n={len(took)}", tolld=quantile(took, 0.5)),
                Row(title + "kill -9 to up == 0 in the store, p99", "ms", f"n={len(took)}", tolld=quantile(took, 0.99)),
            ]
    return rows
