"""A process may call itself anything: wherever its name comes out it must be a name, and nothing else.

The service that dies and the one that kills it both choose theirs; the name is followed to the mail's headers,
its text and HTML, the log in each format, the API, the page's data and the metrics.
"""
import html
import json
import re
import shutil
import subprocess
import sys

import pytest

from process import Process, answers, http, wait_until
from subject import Timing

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises")

CALLED = """\
import ctypes, http.server, os, signal, sys
ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1]))
"""
SERVE = CALLED + """\
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"alive 1\\n")
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""
KILL = CALLED + "os.kill(int(sys.argv[2]), signal.SIGKILL)\n"

# Up to 15 bytes: more the kernel does not keep.
NAMES = {
    "header": b"x\r\nBcc: e@v.il",
    "line": b"a\nlevel=info b=",
    "escape": b"\x1b[2J\x1b]0;own\x07",
    "quotes": b"\"'`\\\"} 1",
    "broken UTF-8": b"\xff\xfe\xc3(\xe2\x82",
    "markup": b"<script>x()&lt;",
    "template": b"{{ .Cause }}%s",
    "bidi": "\u202eevil\u2066".encode(),
    "brackets": b") Z 1 (1 1 (",
}


def process(name, folder, code, called, argument):
    return Process(name, [sys.executable, "-c", code, called, argument], folder)


def control_characters(text, allowed="\n"):
    return sorted({c for c in text if (ord(c) < 32 or 127 <= ord(c) < 160 or c in "\u202e\u2066") and c not in allowed})


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_a_name_stays_a_name(start, ports, mailbox, tmp_path, needs_root, kind, log_format):
    called = NAMES[kind]
    with process("service", tmp_path, SERVE, called, ports.exporter) as service:
        # Else the first mail is about its being down at the start.
        wait_until("the service listens", lambda: answers(f"http://127.0.0.1:{ports.exporter}/"), detail=service.log)
        subject = start(Timing(hold="0s", group_wait="0s"), options=["--log.format", log_format])
        wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
        with process("killer", tmp_path, KILL, called, service.pid) as killer:
            assert killer.wait() == 0
        pid = service.pid
        service.wait()
        mail, = mailbox.wait(1, 20, subject.log)
        the_mail_is_one_of_ours(mail, ports)
        the_api_is_sound(subject)
        subject.end()
        the_log_is_sound(subject.processes[0].log(), log_format, pid)


def the_mail_is_one_of_ours(mail, ports):
    assert mail.recipients == ["operator@example.org"]
    assert mail.subject == f"[FIRING:1] InstanceDown (localhost:{ports.exporter} node)"
    assert mail.message["Bcc"] is None and mail.message["Cc"] is None
    head = mail.raw.split(b"\r\n\r\n")[0]
    assert all(re.match(rb"[\w-]+: |[ \t]", line) for line in head.split(b"\r\n")), head
    parts = [p for p in mail.message.walk() if p.get_content_maintype() == "text"]
    assert [p.get_content_type() for p in parts] == ["text/plain", "text/html"]
    for part in parts:
        assert not part.defects
        text = part.get_content().replace("\r\n", "\n")
        assert "SIGKILL from " in html.unescape(text)
        assert control_characters(text) == []
    assert "<script>x" not in parts[1].get_content()


def the_api_is_sound(subject):
    wait_until("its death is told", lambda: subject.up() == "0", detail=subject.log)
    services = http(subject.url + "/api/v1/services").json()["data"]
    assert "SIGKILL" in json.dumps(services)
    alert, = subject.alerts()
    assert "SIGKILL from " in alert["annotations"]["cause"]
    metrics = http(subject.url + "/metrics").text
    done = subprocess.run([shutil.which("promtool"), "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert "error" not in done.stderr, done.stderr
    assert control_characters(metrics) == []


def the_log_is_sound(log, log_format, pid):
    assert control_characters(log) == []
    lines = log.splitlines()
    if log_format == "json":
        entries = [json.loads(line) for line in lines]
        assert all(isinstance(e, dict) and "msg" in e for e in entries)
        deaths = [e for e in entries if e.get("signal") == "SIGKILL"]
        assert deaths and all(str(e["pid"]) == str(pid) for e in deaths)
    else:
        assert all(re.match(r"time=\S+ level=\w+ msg=", line) for line in lines)
        deaths = [line for line in lines if " signal=SIGKILL" in line]
        assert deaths and all(f" pid={pid} " in line for line in deaths)
