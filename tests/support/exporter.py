"""A target that a test writes itself: it answers a scrape with whatever bytes it is told to."""
import http.server
import threading


class Server(http.server.ThreadingHTTPServer):
    """A thread for each connection; none of them is waited for."""
    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 1024  # with five, who connects with hundreds at once waits for the kernel's retries

    def handle_error(self, *_):
        pass  # a client that goes away is no news


class Exporter:
    """Serves `text` at every path. `behave(handler)` may do something else with the connection."""

    def __init__(self, port, text="", content_type="text/plain; version=0.0.4; charset=utf-8", behave=None):
        self.text = text
        self.scrapes = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.scrapes += 1
                if behave:
                    behave(self)
                    return
                body = outer.text.encode()
                self.send_response(200)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
