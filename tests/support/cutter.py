"""A wire to a server that breaks at a chosen place, once."""
import select
import socket
import threading


class Cutter:
    """
    Passes on what a client and a server on this machine say to each other. What comes from one side until the other
    one speaks is a turn; `turns` are those of the last connection, as (who speaks, bytes), cut off or not.

    The first connection that comes to turn number `at` is cut there: nothing of that turn is passed on, or, with
    `half`, the first half of its first piece. Later connections go through.
    """

    def __init__(self, port, server_port, at=None, half=False):
        self.port = port
        self.at, self.half = at, half
        self.cut = []  # the turns of the connection that was cut, the last of which did not arrive
        self.turns = []
        self.ended = 0  # connections that were there and are gone
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        self._talk(client)
        self.ended += 1

    def _talk(self, client):
        turns = self.turns = []
        with client, socket.create_connection(("127.0.0.1", self._server_port)) as server:
            other = {client: server, server: client}
            name = {client: "client", server: "server"}
            while True:
                # The server first: what both say at once is in this order again each time.
                ready = select.select([server, client], [], [])[0]
                said = self._hear(ready[0])
                if not said:
                    return
                if not turns or turns[-1][0] != name[ready[0]]:
                    turns.append((name[ready[0]], b""))
                turns[-1] = (turns[-1][0], turns[-1][1] + said)
                cut = not self.cut and len(turns) - 1 == self.at
                if cut:
                    said = said[:len(said) // 2] if self.half else b""
                try:
                    other[ready[0]].sendall(said)
                except OSError:
                    return
                if cut:
                    self.cut = list(turns)
                    return

    @staticmethod
    def _hear(side) -> bytes:
        try:
            return side.recv(65536)
        except OSError:
            return b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Whoever waits in accept() is woken by this, and by close() alone is not.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
