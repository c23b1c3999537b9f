"""A service over HTTP that a test plays: it keeps what it is sent, and answers as it is told to."""
import http.server
import json
import threading
from dataclasses import dataclass
from urllib.parse import parse_qsl

from exporter import Serving
from process import boottime, wait_until

HANG, DROP = "hang", "drop"


@dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: bytes
    at: float  # boottime

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def pairs(self):
        """JSON with objects as lists of pairs, so that a comparison sees the order of the fields."""
        return json.loads(self.body, object_pairs_hook=list)

    def form(self) -> dict:
        return dict(parse_qsl(self.text, keep_blank_values=True))


def ok(_request):
    return 200, "ok", "text/plain"


class Webhook(Serving):
    """
    answer(request) -> (status, body, content type), or HANG, or DROP. What it is asked while nobody
    may know of it is in `requests`, in the order of arrival.
    """

    def __init__(self, port, answer=ok, tls=None):
        """port 0: any free one. tls: an ssl.SSLContext; then it speaks https."""
        self.answer = answer
        self.requests = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self.command, self.path, dict(self.headers), self.rfile.read(length), boottime())
                with outer._lock:
                    outer.requests.append(request)
                    answer = outer.answer(request)
                if answer == HANG:
                    outer._stop.wait(60)
                if answer in (HANG, DROP):
                    self.close_connection = True
                    return
                status, body, content_type = answer
                body = body.encode()
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = handle_any

            def log_message(self, *_):
                pass

        super().__init__(port, Handler)
        self._scheme = "https" if tls else "http"
        if tls:
            # In the connection's own thread, not while the next one waits.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    def of(self, prefix) -> list:
        """Those whose path begins so, as far as they have come."""
        with self._lock:
            return [r for r in self.requests if r.path.startswith(prefix)]

    def wait(self, prefix, n, timeout=30, log=None) -> list:
        return wait_until(f"{n} requests for {prefix}", lambda: len(self.of(prefix)) >= n and self.of(prefix),
                          timeout, 0.02, log)

    def __exit__(self, *_):
        self._stop.set()
        super().__exit__()
