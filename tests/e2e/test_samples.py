"""Samples survive restarts, kill -9 and rotten files; what is lost is at most a flush interval."""
import glob
import os
import random
import re
import shutil

import pytest

from exporter import Exporter
from process import boottime, free_port, http, wait_until
from subject import TOLLD
from process import Process

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises")
FLUSH_S, BLOCK_S = 1, 4
KILLS = int(os.environ.get("TOLLD_SAMPLE_KILLS", "12"))


class Keeper:
    """A tolld that scrapes a counter ten times a second and writes it down often."""

    def __init__(self, folder, *options):
        self.folder = str(folder)
        self.port, self.target = free_port(), free_port()
        with open(os.path.join(self.folder, "prometheus.yml"), "w") as f:
            f.write("global: {scrape_interval: 100ms, scrape_timeout: 100ms, evaluation_interval: 1h}\n"
                    "scrape_configs:\n- job_name: count\n  static_configs:\n"
                    f"  - targets: ['127.0.0.1:{self.target}']\n")
        self.data = os.path.join(self.folder, "data")
        self.process = Process("tolld", [
            TOLLD, "run", "--config.file", "prometheus.yml", "--storage.path", self.data,
            "--web.listen-address", f"127.0.0.1:{self.port}", "--watch.backend", "pidfd", "--watch.bpffs", "",
            "--storage.flush-interval", f"{FLUSH_S}s", "--storage.block-interval", f"{BLOCK_S}s", *options], folder)
        self.exporter = Exporter(self.target, "", behave=self.behave)
        self.counter = 0

    def behave(self, handler):
        self.counter += 1
        body = "".join(f"count{{i=\"{i}\"}} {self.counter}\n" for i in range(20)).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain; version=0.0.4")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def start(self):
        self.process.start()
        wait_until("tolld answers", lambda: self.ready(), detail=self.process.log)

    def ready(self):
        assert self.process.alive, self.process.log()[-4000:]
        try:
            return http(f"http://127.0.0.1:{self.port}/-/ready").status == 200
        except OSError:
            return False

    def values(self, i=0):
        """All values that are known of one counter, in order of time."""
        answer = http(f"http://127.0.0.1:{self.port}/api/v1/query", "POST",
                      {"query": f'count{{i="{i}"}}[1h]'}).json()
        assert answer["status"] == "success", answer
        result = answer["data"]["result"]
        return [int(float(v)) for _, v in result[0]["values"]] if result else []

    def series(self, name, job=".*"):
        """The label sets of all series with such a name and job."""
        answer = http(f"http://127.0.0.1:{self.port}/api/v1/series", "POST",
                      {"match[]": f'{{__name__=~"{name}",job=~"{job}"}}'}).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def samples(self, pattern="*"):
        return sorted(glob.glob(os.path.join(self.data, "samples", pattern)))

    def __enter__(self):
        self.exporter.__enter__()
        self.start()
        return self

    def __exit__(self, *_):
        self.process.end()
        self.exporter.__exit__()


def rest(seconds):
    end = boottime() + seconds
    wait_until("time passes", lambda: boottime() >= end, seconds + 10, 0.02)


def test_killed_at_any_instant_it_loses_a_flush_at_most(tmp_path):
    chance = random.Random(4)
    with Keeper(tmp_path) as keeper:
        for _ in range(KILLS):
            rest(chance.uniform(0.3, 2.5))
            before, at = keeper.values(), boottime()
            keeper.process.kill()
            keeper.process.wait()
            keeper.start()
            after = keeper.values()
            assert after == sorted(set(after)), "a sample came twice, or out of order"
            kept = [v for v in after if v <= before[-1]]
            assert kept == before[:len(kept)], "a sample in the middle is gone"
            # A flush is due every second; the disk may be slow, and others use it.
            assert len(before) - len(kept) <= (FLUSH_S + 3) * 10, (len(before), len(kept), boottime() - at)
        assert len(keeper.values(19)) > 20
        assert "damaged" not in keeper.process.log()
        assert keeper.samples("*.block"), "no block was written"


def test_an_orderly_end_loses_nothing(tmp_path):
    with Keeper(tmp_path, "--storage.flush-interval", "1h") as keeper:
        wait_until("there are samples", lambda: len(keeper.values()) > 10)
        before, series = keeper.values(), keeper.series(".+")
        assert len(keeper.series("count|up|scrape_.+", job="count")) == 25
        assert keeper.process.end() == 0
        keeper.start()
        after = keeper.values()
        assert after[:len(before)] == before
        # tolld's own come besides, of itself and of the service: one more may have begun before the end.
        found = int(re.search(r"found samples of (\d+) series", keeper.process.log()).group(1))
        assert found >= len(series)
        assert len(keeper.series("count|up|scrape_.+", job="count")) == 25


def test_rotten_files_are_set_aside_and_told(tmp_path):
    chance = random.Random(7)
    with Keeper(tmp_path) as keeper:
        wait_until("there are two blocks", lambda: len(keeper.samples("*.block")) >= 2, 30)
        for _ in range(8):
            rest(0.5)
            keeper.process.kill()
            keeper.process.wait()
            for path in keeper.samples("*.block") + keeper.samples("*.wal"):
                size = os.path.getsize(path)
                if not size or chance.random() < 0.3:
                    continue
                with open(path, "r+b") as f:
                    if chance.random() < 0.3:
                        f.truncate(chance.randrange(size))
                    else:
                        f.seek(chance.randrange(size))
                        f.write(bytes(chance.randrange(256) for _ in range(chance.randrange(1, 60))))
            keeper.start()
            values = keeper.values()
            assert values == sorted(set(values))
            newest = keeper.counter
            wait_until("it goes on", lambda: (keeper.values() or [0])[-1] > newest, detail=keeper.process.log)
        assert "it is set aside as" in keeper.process.log()
        assert keeper.samples("*.broken")


def test_a_folder_that_takes_no_samples_is_told_and_alarms_go_on(tmp_path):
    os.makedirs(tmp_path / "data", mode=0o700)
    (tmp_path / "data" / "samples").write_text("in the way")
    with Keeper(tmp_path) as keeper:
        wait_until("there are samples", lambda: len(keeper.values()) > 3)
        assert "samples cannot be kept" in keeper.process.log()


def test_files_that_vanish_are_missed_and_no_more(tmp_path):
    with Keeper(tmp_path) as keeper:
        wait_until("there is a block", lambda: keeper.samples("*.block"), 30)
        shutil.rmtree(os.path.join(keeper.data, "samples"))
        newest = keeper.counter
        wait_until("it goes on", lambda: keeper.values()[-1] > newest + 30, 30, detail=keeper.process.log)
        assert "samples cannot be written" in keeper.process.log()
