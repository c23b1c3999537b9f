"""Files of targets: what is written there is scraped in a moment, and what is broken there changes nothing."""
import json
import os
import signal

import pytest

from exporter import Exporter
from process import Process, free_port, http, wait_until
from subject import TOLLD

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises")


class Discovery:
    def __init__(self, folder):
        self.folder = str(folder)
        self.port, self.target = free_port(), free_port()
        os.makedirs(os.path.join(self.folder, "targets"))
        with open(os.path.join(self.folder, "prometheus.yml"), "w") as f:
            f.write("global: {scrape_interval: 1s}\nscrape_configs:\n- job_name: found\n  keep_dropped_targets: 1\n"
                    "  file_sd_configs:\n  - files: ['targets/*.yml', 'targets/*.json']\n    refresh_interval: 1h\n"
                    "  relabel_configs:\n  - {source_labels: [drop], regex: me, action: drop}\n")
        self.process = Process("tolld", [
            TOLLD, "run", "--config.file", "prometheus.yml", "--storage.path", "data", "--web.listen-address",
            f"127.0.0.1:{self.port}", "--watch.backend", "pidfd", "--watch.bpffs", ""], folder)

    def put(self, name, text):
        path = os.path.join(self.folder, "targets", name)
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def get(self, path):
        answer = http(f"http://127.0.0.1:{self.port}{path}").json()
        assert answer["status"] == "success"
        return answer["data"]

    def targets(self):
        return {t["labels"]["instance"]: t for t in self.get("/api/v1/targets")["activeTargets"]}

    def ready(self):
        try:
            return http(f"http://127.0.0.1:{self.port}/-/ready").status == 200
        except OSError:
            return False

    def __enter__(self):
        self.process.start()
        wait_until("tolld answers", self.ready, detail=self.process.log)
        return self

    def __exit__(self, *_):
        self.process.end()


def test_targets_follow_their_files(tmp_path):
    with Discovery(tmp_path) as d, Exporter(d.target, "alive 1\n"):
        here = f"127.0.0.1:{d.target}"
        assert d.targets() == {}
        d.put("a.yml", f"- targets: ['{here}']\n  labels: {{team: home}}\n")
        wait_until("the target is there", lambda: here in d.targets(), 5, 0.05, d.process.log)
        wait_until("it is scraped", lambda: d.targets()[here]["health"] == "up", 10, 0.05, d.process.log)
        target = d.targets()[here]
        assert target["labels"] == {"instance": here, "job": "found", "team": "home"}
        assert target["discoveredLabels"]["__meta_filepath"].endswith("targets/a.yml")

        d.put("a.yml", "- targets: [unclosed\n")
        wait_until("it is told", lambda: "its targets stay what they were" in d.process.log(), 5)
        assert here in d.targets()

        d.put("b.json", json.dumps([{"targets": ["10.0.0.1:1", "10.0.0.2:1"], "labels": {"drop": "me"}}]))
        wait_until("the dropped are counted",
                   lambda: d.get("/api/v1/targets")["droppedTargetCounts"] == {"found": 2}, 5)
        assert len(d.get("/api/v1/targets")["droppedTargets"]) == 1
        assert d.get("/api/v1/scrape_pools") == {"scrapePools": ["found"]}

        os.unlink(os.path.join(d.folder, "targets", "a.yml"))
        wait_until("the target is gone", lambda: d.targets() == {}, 5, 0.05, d.process.log)
        up = http(f"http://127.0.0.1:{d.port}/api/v1/query", "POST", {"query": "up"}).json()["data"]["result"]
        assert up == []
        assert d.process.log().count("its targets stay what they were") == 1


def test_an_alert_says_why_a_target_elsewhere_does_not_answer(tmp_path):
    """No process of this machine serves it, and one that lives here may answer nonsense: the scrape knows why."""
    (tmp_path / "rules.yml").write_text(
        "groups:\n- name: g\n  rules:\n  - {alert: Down, expr: up == 0, for: 1h}\n")
    with Discovery(tmp_path) as d, Exporter(d.target, "this is no metric\n"):
        settings = tmp_path / "prometheus.yml"
        settings.write_text(settings.read_text().replace("global: {", "rule_files: [rules.yml]\nglobal: {evaluation_interval: 1s, "))
        d.process.child.send_signal(signal.SIGHUP)
        d.put("a.yml", f"- targets: ['127.0.0.1:{d.target}', '127.0.0.1:{free_port()}', 'nowhere.invalid:80']\n")

        def causes():
            return [a["annotations"].get("cause", "") for a in d.get("/api/v1/alerts")["alerts"]]
        wait_until("three are down", lambda: len(causes()) == 3 and all(causes()), detail=d.process.log)
        nobody, nowhere, nonsense = sorted(causes(), key=lambda c: ("nobody" not in c, "resolve" not in c))
        assert nobody.startswith("nobody listens on 127.0.0.1:")
        assert nowhere.startswith("its scrape fails: ") and "nowhere.invalid" in nowhere
        assert nonsense.startswith("its scrape fails: ")
