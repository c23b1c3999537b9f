"""A mail server that fails at a step of its choice: it hangs, hangs up, or says no, until it is mended."""
import socket
import ssl
import threading

from mailbox import certificate
from process import boottime

# The steps of a delivery, in order; each is what the server has just heard (or, for the first, a connection).
STEPS = ("connect", "ehlo", "starttls", "handshake", "ehlo-tls", "auth", "mail", "rcpt", "data", "end")


class BadMailServer:
    """`how` is "hang", "close" or an answer such as "451 try later". mend() lets later connections through."""

    def __init__(self, port, folder, step, how="hang"):
        assert step in STEPS
        self.step, self.how = step, how
        self.broken = True
        self.failures = 0
        self.accepted = []  # instants of whole mails
        self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._tls.load_cert_chain(certificate(folder))
        self._listener = socket.create_server(("127.0.0.1", port))
        self._open = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def mend(self):
        self.broken = False

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        # shutdown() wakes a thread that waits in accept() or recv(); close() alone does not.
        for s in [self._listener, *self._open]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _fails(self, s, step) -> bool:
        """True where the conversation ends here."""
        if not self.broken or step != self.step:
            return False
        self.failures += 1
        if self.how == "hang":
            while s.recv(4096):
                pass
        elif self.how != "close":
            s.sendall(self.how.encode() + b"\r\n")
            return False
        return True

    def _serve(self, s):
        try:
            self._converse(s)
        except (OSError, ssl.SSLError):
            pass
        finally:
            s.close()

    def _converse(self, s):
        if self._fails(s, "connect"):
            return
        s.sendall(b"220 localhost ESMTP\r\n")
        lines = s.makefile("rb")
        secure = False
        while True:
            line = lines.readline()
            if not line:
                return
            verb = line.split()[0].lower().decode() if line.split() else ""
            step = {"ehlo": "ehlo-tls" if secure else "ehlo"}.get(verb, verb)
            said = self.failures
            if step in STEPS and self._fails(s, step):
                return
            if self.failures != said:
                continue  # the fault was an answer
            if verb == "ehlo":
                s.sendall(b"250-localhost\r\n" + (b"250 AUTH PLAIN\r\n" if secure else b"250 STARTTLS\r\n"))
            elif verb == "starttls":
                s.sendall(b"220 go on\r\n")
                if self._fails(s, "handshake"):
                    return
                s = self._tls.wrap_socket(s, server_side=True)
                self._open.append(s)
                lines = s.makefile("rb")
                secure = True
            elif verb == "auth":
                s.sendall(b"235 ok\r\n" if len(line.split()) > 2 else b"334 \r\n")
                if len(line.split()) == 2:
                    lines.readline()
                    s.sendall(b"235 ok\r\n")
            elif verb == "data":
                s.sendall(b"354 go on\r\n")
                while lines.readline() not in (b".\r\n", b""):
                    pass
                if self._fails(s, "end"):
                    return
                if self.failures == said:
                    self.accepted.append(boottime())
                    s.sendall(b"250 ok\r\n")
            elif verb == "quit":
                s.sendall(b"221 bye\r\n")
                return
            else:
                s.sendall(b"250 ok\r\n")
