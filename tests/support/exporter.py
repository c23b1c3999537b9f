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


class Serving:
    """What serves by HTTP for as long as a block lasts; port 0 is any free one."""

    def __init__(self, port, handler):
        self._server = Server(("127.0.0.1", port), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


class Target(Serving):
    """Answers a scrape with what body() returns."""

    def __init__(self, port, content_type="text/plain; version=0.0.4; charset=utf-8", encoding=None):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.serve(self, content_type, encoding)

            def log_message(self, *_):
                pass

        super().__init__(port, Handler)

    def body(self) -> bytes:
        raise NotImplementedError

    def serve(self, handler, content_type, encoding):
        body = self.body()
        handler.send_response(200)
        handler.send_header("Content-Type", content_type)
        if encoding:
            handler.send_header("Content-Encoding", encoding)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


class Exporter(Target):
    """Serves `text` at every path. `behave(handler)` may do something else with the connection."""

    def __init__(self, port, text="", content_type="text/plain; version=0.0.4; charset=utf-8", behave=None):
        self.text = text
        self.scrapes = 0
        self._behave = behave
        super().__init__(port, content_type)

    def body(self):
        return self.text.encode()

    def serve(self, handler, *answer):
        self.scrapes += 1
        if self._behave:
            self._behave(handler)
        else:
            super().serve(handler, *answer)
