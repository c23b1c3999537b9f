"""What a scenario works with, inside the guest: systemd, tolld's answers, the mails that came."""
import html
import json
import re
import subprocess

from process import http, wait_until

URL = "http://127.0.0.1:9090"
PATIENCE_S = 120  # emulated, on a machine that does other things as well


def words(mail) -> str:
    """A mail as its reader sees it: all parts, without tags, with single spaces."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", mail.text)))


class Machine:
    def __init__(self, box):
        self.box = box

    def wait(self, what, predicate, timeout=PATIENCE_S):
        return wait_until(what, predicate, timeout, 0.05)

    # -- systemd --

    def run(self, *command, ok=True):
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=PATIENCE_S)
        assert done.returncode == 0 or not ok, f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def systemctl(self, *args, ok=True):
        return self.run("systemctl", *args, ok=ok)

    def show(self, unit, name) -> str:
        return self.systemctl("show", "-P", name, unit).stdout.strip()

    def pid(self, unit) -> int:
        return int(self.show(unit, "MainPID"))

    def journal(self, *matches) -> list:
        """The entries as dicts, oldest first: journal("-u", "tolld"), journal("TOLLD_SERVICE=greedy")."""
        lines = self.run("journalctl", "-o", "json", "--no-pager", *matches, ok=False).stdout.splitlines()
        return [json.loads(line) for line in lines]

    # -- tolld --

    def api(self, path, form=None):
        answer = http(URL + path, "POST" if form else "GET", form).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def events(self, service) -> list:
        """What became of a service, the newest first."""
        return self.api(f"/api/v1/services/{service}/events")["events"]

    def query(self, expr) -> list:
        """An instant query: (labels, value as text) of each series."""
        return [(s["metric"], s["value"][1]) for s in self.api("/api/v1/query", {"query": expr})["result"]]

    def value(self, expr):
        """The value of the only series, as text; None: there is none, or nobody answers."""
        try:
            got = self.query(expr)
        except OSError:
            return None
        return got[0][1] if got else None

    def alerts(self, **labels) -> list:
        return [a for a in self.api("/api/v1/alerts")["alerts"]
                if all(a["labels"].get(k) == v for k, v in labels.items())]

    # -- mail --

    def mails(self, word) -> list:
        """Those whose subject holds the word."""
        return [m for m in self.box.mails if word in m.subject]

    def mail(self, word):
        """The first of those, once it is there."""
        return self.wait(f"a mail about {word} (there are {self.box.mails})", lambda: self.mails(word))[0]
