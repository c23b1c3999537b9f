"""What Prometheus sends by remote write is taken: every series that it has itself, with its values."""
import pytest

from conftest import METRICS
from exporter import Exporter
from process import free_port, http, wait_until
from subject import Peers, Ports, Tolld

SETTINGS = """\
global: {{scrape_interval: 1s, external_labels: {{site: there}}}}
remote_write: [{{url: 'http://localhost:{to}/api/v1/write', queue_config: {{batch_send_deadline: 200ms}}}}]
scrape_configs: [{{job_name: node, static_configs: [{{targets: ['localhost:{port}']}}]}}]
"""
ALERTMANAGER = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@pytest.fixture
def taker(tmp_path):
    folder = tmp_path / "taker"
    folder.mkdir()
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    (folder / "alertmanager.yml").write_text(ALERTMANAGER)
    with Tolld(folder, Ports.free(), ["--web.enable-remote-write-receiver"]) as subject:
        yield subject


def test_what_prometheus_sends_is_taken(taker, tmp_path):
    target = free_port()
    folder = tmp_path / "sender"
    folder.mkdir()
    (folder / "prometheus.yml").write_text(SETTINGS.format(to=taker.ports.prometheus, port=target))
    (folder / "alertmanager.yml").write_text(ALERTMANAGER)
    exporter = Exporter(target, METRICS)
    with exporter, Peers(folder, Ports.free()) as sender:
        def rows(subject, site):
            found = subject.query('{job="node",__name__!~"scrape_.*"}')
            return sorted((sorted({**labels, **site}.items()), value) for labels, value in found)
        wait_until("all of it is there", lambda: rows(taker, {}) == rows(sender, {"site": "there"}) != [], 30, 0.2, taker.log)
        # What ends there ends here: its stale marker is sent, too.
        exporter.text = METRICS.replace("disk_size_bytes", "disk_other_bytes")
        wait_until("it has ended", lambda: not taker.query("disk_size_bytes") and taker.query("disk_other_bytes"), 30, 0.2,
                   taker.log)


def test_without_the_flag_it_is_refused_as_prometheus_does(pair):
    for subject in pair:
        answer = http(subject.url + "/api/v1/write", "POST", body=b"", headers={"Content-Type": "application/x-protobuf"})
        assert answer.status == 404
        assert answer.text.startswith("remote write receiver needs to be enabled with --")
