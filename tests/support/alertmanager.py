"""One Alertmanager alone: tolld on nothing but an alertmanager.yml, or Debian's own; and amtool to ask it."""
import json
import os
import subprocess

from process import Process, answers, free_port, http, wait_until
from subject import TOLLD

API = "/api/v2"


class Alertmanager:
    """What both have in common. `settings` is the text of alertmanager.yml."""

    name = ""

    def __init__(self, folder, settings, options=(), port=None, prefix=""):
        self.folder = str(folder)
        self.port = port or free_port()
        self.prefix = prefix
        self.options = list(options)
        os.makedirs(self.folder, exist_ok=True)
        self.write(settings)
        self.process = Process(self.name, self.argv(), self.folder)

    def argv(self) -> list:
        raise NotImplementedError

    def write(self, settings) -> None:
        with open(os.path.join(self.folder, "alertmanager.yml"), "w") as f:
            f.write(settings)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    def start(self):
        self.process.start()

        def ready():
            assert self.process.alive, f"{self.name} ended at its start:\n{self.log()}"
            return answers(self.url + "/-/ready")
        wait_until(f"{self.name} is ready", ready, detail=self.log)
        return self

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        self.process.end()

    def log(self) -> str:
        return self.process.log()[-8000:]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.end()

    # -- asking --

    def ask(self, method, path, body=None, headers=None):
        """A request to the API; a body that is no text goes out as JSON."""
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        known = {"Content-Type": "application/json"} if body is not None else {}
        return http(self.url + API + path, method, body=body, headers={**known, **(headers or {})})

    def get(self, path):
        answer = self.ask("GET", path)
        assert answer.status == 200, answer.text
        return answer.json()

    def post(self, *alerts):
        answer = self.ask("POST", "/alerts", list(alerts))
        assert answer.status == 200, answer.text

    def amtool(self, *args, text=None):
        return amtool(*args, "--alertmanager.url", self.url, text=text)


class AlertmanagerTolld(Alertmanager):
    name = "tolld"

    def argv(self):
        return [TOLLD, "run", "--config.file", "alertmanager.yml", "--storage.path", os.path.join(self.folder, "data"),
                "--web.listen-address", f"127.0.0.1:{self.port}", "--watch.bpffs", "", "--web.enable-lifecycle",
                *self.options]


class AlertmanagerPeer(Alertmanager):
    name = "alertmanager"

    def argv(self):
        alone = [] if any(o.startswith("--cluster.") for o in self.options) else ["--cluster.listen-address="]
        return ["prometheus-alertmanager", "--config.file=alertmanager.yml", f"--storage.path={self.folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}", *alone, *self.options]


ALERTMANAGERS = {"tolld": AlertmanagerTolld, "peers": AlertmanagerPeer}


def amtool(*args, text=None):
    """Runs amtool without anybody's settings; what it warns of other versions is left out."""
    done = subprocess.run(["amtool", *args], input=text, stdin=None if text is not None else subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60,
                          env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "USER": "tester", "TZ": "UTC"})
    done.stderr = "".join(line for line in done.stderr.splitlines(keepends=True) if "are different" not in line)
    return done
