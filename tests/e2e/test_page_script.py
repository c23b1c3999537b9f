"""The page's script in a browser: what changes is taken over, and whoever reads, writes or goes by keyboard is not disturbed."""
import html
import http.server
import os
import re
import shutil
import subprocess
import threading

import pytest

from process import ROOT

pytestmark = [pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="tolld's own page"),
              pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium")]

# The n-th answer. Rows come and go, and each is another text than before.
PAGE = """<!doctype html><title>page {n}</title><link rel=icon href="data:,"><script src=page.js defer></script><script src=test.js defer></script>
<p id=summary>{n}</p><p id=offline hidden>away <time></time></p><main>
{rows}<details data-service=a><summary>Events {n}</summary>{n}</details>
<form action=end><input type=hidden name=id value=one><button>End</button></form>
<form action=end><input type=hidden name=id value=two><button>End</button></form>{field}</main><footer>{n}</footer>"""
LINK = "<p><a href=same>Same</a> {n}</p>"


class Server(http.server.ThreadingHTTPServer):
    """Serves the script as it is, beside a test of it."""

    def __init__(self, test, field=""):
        super().__init__(("127.0.0.1", 0), Handler)
        self.test, self.field, self.pages = test, field, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, kind = self.server, "text/javascript"
        if self.path == "/page.js":
            with open(os.path.join(ROOT, "user/web/page.js")) as f:
                text = f.read()
        elif self.path == "/test.js":
            text = server.test
        else:
            server.pages += 1
            n, kind = server.pages, "text/html; charset=utf-8"
            rows = "".join(LINK.format(n=n) for _ in range(2 if n < 3 else 3))
            text = PAGE.format(n=n, rows=rows, field=server.field)
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def result(tmp_path, test, field=""):
    """What the test's script leaves as the body's data-result, and all of the page, after 18 s as the browser counts them."""
    with Server(test, field) as server:
        argv = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile",
                "--virtual-time-budget=18000", "--dump-dom", f"http://127.0.0.1:{server.server_port}/"]
        dom = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True).stdout
        server.shutdown()
    return html.unescape(re.search('<body data-result="([^"]*)"', dom).group(1)), dom


def test_what_is_unfolded_and_where_the_keyboard_is_stay(tmp_path):
    # One after the other, with a new page in between; said as the place among all like it.
    steps = """document.querySelector("details").open = true;
    const ways = ["main a", "summary", "button"].map(way => () => [...document.querySelectorAll(way)].at(-1));
    let said = "";
    function next() {
        const e = document.activeElement;
        said += `${e.tagName} ${[...document.querySelectorAll(e.tagName)].indexOf(e)} ${document.title}, `;
        document.body.dataset.result = said;
        ways.shift()?.()?.focus();
    }
    for (const at of [0, 7000, 12000, 17000])
        setTimeout(next, at);"""
    got, dom = result(tmp_path, steps)
    assert got == "BODY 0 page 1, A 1 page 2, SUMMARY 0 page 3, BUTTON 1 page 4, "
    assert '<p id="summary">4</p>' in dom and '<details data-service="a" open="">' in dom and "Events 4" in dom


def test_what_is_written_while_the_page_is_asked_for_stays(tmp_path):
    begins_to_write = """const ask = window.fetch;
    window.fetch = async (...args) => {
        const answer = await ask(...args);
        const field = document.querySelector("main > input");
        field.focus();
        field.value = "mine";
        return answer;
    };
    setTimeout(() => document.body.dataset.result = document.querySelector("main > input").value, 11000);"""
    assert result(tmp_path, begins_to_write, "<input>")[0] == "mine"
