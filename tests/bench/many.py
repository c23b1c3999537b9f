"""What many watched services cost: memory, processor at rest, and how late a death among them is known.

Each service is a process of its own, a child of tests/helpers/nursery, named by a pidfile. The peers are monit, which
watches the same: it looks every second, which is as often as it can; and keepalived, which watches processes by
their names (track_process) and hears of all that are made and end on the machine (the proc connector).
"""
import os
import random
import shutil
import signal
import subprocess
import time
from types import SimpleNamespace

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
KEEPALIVED_SIZES = (10, 100, 1000)
KEEPALIVED_DEATHS = 50
# It wants an interface, which is made for it, and watches in vain for one more process, so that nothing is sent.
INTERFACE = "tolldbench"


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


def write_keepalived(folder, nursery):
    path = os.path.join(folder, "keepalived.conf")
    names = ["never", *(f"child-{i}" for i in range(nursery.n))]
    with open(path, "w") as f:
        for name in names:
            f.write(f"vrrp_track_process {name} {{\n  process {name}\n  weight 0\n}}\n")
        f.write(f"vrrp_instance bench {{\n  interface {INTERFACE}\n  virtual_router_id 251\n  track_process {{\n"
                + "".join(f"    {name}\n" for name in names)
                + "  }\n  virtual_ipaddress {\n    192.0.2.1/32\n  }\n}\n")
    return path


class Keepalived:
    """Says of each death on its console, from which it is read as it comes."""

    def __init__(self, folder, config):
        self.argv = ["keepalived", "-n", "-l", "-D", "-P", "-f", config, "-p", f"{folder}/keepalived.pid",
                     "-r", f"{folder}/vrrp.pid"]

    def __enter__(self):
        subprocess.run(["ip", "link", "add", INTERFACE, "type", "veth", "peer", "name", f"{INTERFACE}1"], check=True)
        for name in (INTERFACE, f"{INTERFACE}1"):
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.until("Startup complete")
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as f:
            self.processes = [SimpleNamespace(pid=pid) for pid in (self.process.pid, *map(int, f.read().split()))]
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.communicate(timeout=30)
        subprocess.run(["ip", "link", "del", INTERFACE], check=True)

    def cpu_seconds(self):
        return sum(map(Process.cpu_seconds, self.processes))

    def memory_bytes(self):
        memory = [Process.memory_bytes(p) for p in self.processes]
        return {what: sum(m[what] for m in memory) for what in memory[0]}

    def until(self, text):
        for line in self.process.stdout:
            if line.rstrip().endswith(text):
                return
        raise AssertionError(f"keepalived has ended, and never said: {text}")


def keepalived_deaths(watcher, nursery):
    took = []
    for i in random.sample(range(nursery.n), min(nursery.n // 2, KEEPALIVED_DEATHS)):
        rest(random.uniform(0.02, 0.08))
        killed = boottime()
        os.kill(nursery.pids[i], signal.SIGKILL)
        watcher.until(f"Quorum lost for tracked process child-{i}")
        took.append(boottime() - killed)
    return took


def keepalived(bench, n):
    """As monit()."""
    if not shutil.which("keepalived"):
        return None
    folder = bench.place(f"keepalived-{n}")
    with Nursery(n) as nursery, Keepalived(folder, write_keepalived(folder, nursery)) as watcher:
        rest(10)
        before, seconds = watcher.cpu_seconds(), max(20, int(REST_S * bench.scale))
        rest(seconds)
        cpu = (watcher.cpu_seconds() - before) / seconds
        return watcher.memory_bytes(), cpu, keepalived_deaths(watcher, nursery)


def rows_of(title, mine, theirs, rests):
    """Two results of one_size() without the time of the start, side by side; theirs may be None."""
    n = len(mine[2])

    def row(what, unit, note, figure):
        return Row(title + what, unit, note, tolld=figure(*mine), **({"peers": figure(*theirs)} if theirs else {}))

    return [row("memory, resident", "MB", "", lambda m, c, t: m["rss"] / 1e6),
            row("memory, private", "MB", "", lambda m, c, t: m["private"] / 1e6),
            row("processor at rest", "ms/s", f"figures every 15 s; {rests}", lambda m, c, t: c),
            *(row(f"kill -9 until it is known, {name}", "ms", f"n={n}; up == 0 in the store",
                  lambda m, c, t, q=q: quantile(t, q)) for name, q in (("median", 0.5), ("p99", 0.99)))]


def many_services(bench):
    """10 to 10,000 watched services, each a process of its own; the peers are monit and keepalived."""
    names = {k.name for k in bench.subjects}
    monits = {n: monit(bench, n) for n in MONIT_SIZES if "peers" in names}
    keepaliveds = {n: keepalived(bench, n) for n in KEEPALIVED_SIZES if "peers" in names}
    rows = []
    for backend in BACKENDS if "tolld" in names else ():
        for n in SIZES:
            memory, cpu, start_s, took = one_size(bench, backend, n)
            title = f"{n} services, {backend}"
            rows += rows_of(f"{title}: ", (memory, cpu, took), monits.get(n), "monit looks every second")
            rows.append(Row(f"{title}: from the start until all are up", "s", "", tolld=start_s))
            if keepaliveds.get(n):
                rows += rows_of(f"{title}, beside keepalived: ", (memory, cpu, took), keepaliveds[n],
                                "keepalived hears of all that start and end")
    return rows
