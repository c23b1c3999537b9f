"""Who is tested: tolld, or the two programs it stands for, behind one face.

A subject is started in a folder that holds prometheus.yml, rules.yml and alertmanager.yml, serves
Prometheus's API at `url` and Alertmanager's at `alertmanager_url`, and can be killed, ended and
started again on the same state.
"""
import os
import shutil
import signal
from dataclasses import dataclass, field

import sanitizer
from process import ROOT, Process, answers, free_port, http, port_is_free, wait_until

SEED = os.environ.get("TOLLD_SEED", os.path.join(ROOT, "..", "shared", "seed"))
SETTINGS = ("prometheus.yml", "rules.yml", "alertmanager.yml")
TOLLD = os.environ.get("TOLLD", os.path.join(ROOT, sanitizer.BUILD, "tolld"))


@dataclass
class Ports:
    """The seed's own, unless chosen otherwise."""
    prometheus: int = 9090
    alertmanager: int = 9093
    exporter: int = 9100
    smtp: int = 2587

    @classmethod
    def of_the_seed(cls) -> "Ports":
        """The seed's where all four are free; else four others."""
        ports = cls()
        return ports if all(map(port_is_free, vars(ports).values())) else cls.free()

    @classmethod
    def free(cls) -> "Ports":
        return cls(*(free_port() for _ in range(4)))


@dataclass
class Timing:
    """Durations as the files write them. The defaults make a mail come within seconds."""
    scrape_interval: str = "1s"
    evaluation_interval: str = "1s"
    hold: str = "1s"
    group_wait: str = "1s"
    group_interval: str = "1s"
    repeat_interval: str = "1h"
    send_resolved: bool = False
    rules: str = field(default="")  # more rules for the group, as YAML
    metrics_path: str = "/metrics"  # of the job node
    targets: dict = field(default_factory=dict)  # more jobs: name to port


def write_seed(folder, ports: Ports) -> None:
    """The owner's files, unchanged where the ports are the seed's own; where they are not at hand, their like."""
    if not os.path.isdir(SEED):
        print(f"no {SEED}: files of the same shape")
        write_settings(folder, ports, Timing("15s", "15s", hold="1m", group_wait="10s", group_interval="10s"))
        return
    for name in SETTINGS:
        source, target = os.path.join(SEED, name), os.path.join(folder, name)
        if ports == Ports():
            shutil.copyfile(source, target)
            continue
        with open(source) as f:
            text = f.read()
        for was, now in ((9090, ports.prometheus), (9093, ports.alertmanager), (9100, ports.exporter),
                         (2587, ports.smtp)):
            text = text.replace(f"localhost:{was}", f"localhost:{now}")
        with open(target, "w") as f:
            f.write(text)


def write_settings(folder, ports: Ports, timing: Timing) -> None:
    """The seed's shape with other durations."""
    texts = {
        "prometheus.yml": f"""\
global:
  scrape_interval: {timing.scrape_interval}
  scrape_timeout: {timing.scrape_interval}
  evaluation_interval: {timing.evaluation_interval}
rule_files:
  - rules.yml
alerting:
  alertmanagers:
    - static_configs:
      - targets: ['localhost:{ports.alertmanager}']
scrape_configs:
  - job_name: 'prometheus'
    static_configs:
    - targets: ['localhost:{ports.prometheus}']
  - job_name: 'node'
    metrics_path: {timing.metrics_path}
    static_configs:
    - targets: ['localhost:{ports.exporter}']
""" + "".join(f"""\
  - job_name: '{job}'
    static_configs:
    - targets: ['localhost:{port}']
""" for job, port in timing.targets.items()),
        "rules.yml": f"""\
groups:
  - name: instance
    rules:
    - alert: InstanceDown
      expr: up == 0
      for: {timing.hold}
{timing.rules}""",
        "alertmanager.yml": f"""\
global:
  resolve_timeout: 5m
  smtp_smarthost: 'localhost:{ports.smtp}'
  smtp_from: 'watcher@example.org'
  smtp_auth_username: 'watcher'
  smtp_auth_password: 'wwwwwwwwwwwwwwww'
route:
  group_by: ['alertname']
  group_wait: {timing.group_wait}
  group_interval: {timing.group_interval}
  repeat_interval: {timing.repeat_interval}
  receiver: alert-email
receivers:
  - name: alert-email
    email_configs:
      - to: 'operator@example.org'
        send_resolved: {str(timing.send_resolved).lower()}
        tls_config:
          insecure_skip_verify: true
""",
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w") as f:
            f.write(text)


class Subject:
    """What tolld and its peers have in common. `processes` are in the order of starting."""

    name = ""

    def __init__(self, folder, ports: Ports, options=()):
        self.folder = str(folder)
        self.ports = ports
        self.options = list(options)
        self.processes = self.make()

    def make(self) -> list:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.prometheus}"

    @property
    def alertmanager_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.alertmanager}"

    def start(self, ready=True):
        for p in self.processes:
            p.start()
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        def ready():
            dead = [p for p in self.processes if not p.alive]
            assert not dead, f"{dead[0].name} ended at its start:\n{dead[0].log()[-4000:]}"
            return answers(self.url + "/-/ready") and answers(self.alertmanager_url + "/-/ready")
        wait_until(f"{self.name} is ready", ready, detail=self.log)

    def kill(self) -> None:
        for p in self.processes:
            p.kill()
        for p in self.processes:
            p.wait()

    def end(self) -> None:
        for p in reversed(self.processes):
            p.end()

    def reload(self) -> None:
        for p in self.processes:
            p.signal(signal.SIGHUP)

    def log(self) -> str:
        return "".join(f"--- {p.name}\n{p.log()[-8000:]}" for p in self.processes)

    def query(self, expr):
        """The samples of an instant query: a list of (labels, value)."""
        answer = http(self.url + "/api/v1/query", "POST", {"query": expr}).json()
        assert answer["status"] == "success", answer
        return [(s["metric"], s["value"][1]) for s in answer["data"]["result"]]

    def up(self, job="node"):
        """The value of `up` as text, or None where there is none."""
        got = self.query(f'up{{job="{job}"}}')
        return got[0][1] if got else None

    def alerts(self):
        return http(self.url + "/api/v1/alerts").json()["data"]["alerts"]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end()


class Tolld(Subject):
    name = "tolld"

    def make(self):
        # Tests run beside each other: only the owner's own set-up pins where every tolld does.
        self.pins = "/sys/fs/bpf/tolld"
        own = []
        if self.ports != Ports():
            self.pins += f"-test-{self.ports.prometheus}"
            own = ["--watch.bpffs", self.pins]
        argv = [TOLLD, "run", *own, "--config.file", "prometheus.yml", "--config.file", "alertmanager.yml",
                "--storage.path", os.path.join(self.folder, "data"),
                "--web.listen-address", f"127.0.0.1:{self.ports.prometheus}",
                "--web.listen-address", f"127.0.0.1:{self.ports.alertmanager}", *self.options]
        return [Process("tolld", argv, self.folder)]

    def end(self) -> None:
        """However a test went: tolld was there to the end, and ends well when asked."""
        codes = [p.end() for p in self.processes]
        # One that was killed leaves them to its next start.
        if self.ports != Ports() and os.geteuid() == 0:
            shutil.rmtree(self.pins, ignore_errors=True)
        for p, code in zip(self.processes, codes):
            assert code in (0, None), f"tolld ended with {code}\n{p.log()[-4000:]}"


class Peers(Subject):
    name = "peers"

    def make(self):
        prometheus = ["prometheus", "--config.file=prometheus.yml",
                      f"--storage.tsdb.path={self.folder}/prometheus-data",
                      f"--web.listen-address=127.0.0.1:{self.ports.prometheus}", *self.options]
        alertmanager = ["prometheus-alertmanager", "--config.file=alertmanager.yml",
                        f"--storage.path={self.folder}/alertmanager-data", "--cluster.listen-address=",
                        f"--web.listen-address=127.0.0.1:{self.ports.alertmanager}"]
        return [Process("alertmanager", alertmanager, self.folder), Process("prometheus", prometheus, self.folder)]


def as_nobody(subject: Subject) -> None:
    """Lets a subject run without any right; its folder stays readable, its data folder becomes its own."""
    data = os.path.join(subject.folder, "data")
    os.makedirs(data, exist_ok=True)
    shutil.chown(data, "nobody", "nogroup")
    folder = subject.folder
    while folder != "/":
        os.chmod(folder, os.stat(folder).st_mode | 0o055)
        folder = os.path.dirname(folder)
        if os.path.dirname(folder) == "/":
            break  # /tmp and its like are open already
    for p in subject.processes:
        p.user, p.group = "nobody", "nogroup"


def dies(subject: Subject, service: Process) -> float:
    """The service of the job `node` is killed once it was seen up; returns the instant before."""
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    at = service.kill()
    service.wait()
    return at


SUBJECTS = {c.name: c for c in (Tolld, Peers)}


def node_exporter(folder, port: int, small=True) -> Process:
    """A real node_exporter; `small` leaves out all but one collector, so that it starts at once."""
    few = ["--collector.disable-defaults", "--collector.uname"] if small else []
    return Process("node_exporter", ["prometheus-node-exporter", *few, f"--web.listen-address=127.0.0.1:{port}"], folder)


def wait_for_exporter(port: int) -> None:
    wait_until("node_exporter answers", lambda: answers(f"http://127.0.0.1:{port}/metrics"))
