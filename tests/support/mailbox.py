"""A mail server that keeps what it takes and when it took it: STARTTLS and AUTH PLAIN, or it takes nothing."""
import email
import email.policy
import logging
import os
import ssl
import subprocess
import threading

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from process import boottime, wait_until

# It warns of each connection that ends early and of itself; a test that minds looks at what came.
logging.getLogger("mail.log").setLevel(logging.ERROR)

USER, PASSWORD = "watcher", "wwwwwwwwwwwwwwww"


class Mail:
    def __init__(self, begun, accepted, envelope):
        self.begun = begun  # boot clock: the first RCPT
        self.accepted = accepted  # boot clock: the whole text was here
        self.sender = envelope.mail_from
        self.recipients = envelope.rcpt_tos
        self.raw = envelope.content
        self.message = email.message_from_bytes(self.raw, policy=email.policy.default)

    @property
    def subject(self) -> str:
        return self.message["Subject"]

    @property
    def text(self) -> str:
        """All its parts, decoded, one after the other."""
        return "\n".join(p.get_content() for p in self.message.walk() if p.get_content_maintype() == "text")

    def __repr__(self):
        return f"<Mail {self.subject!r} at {self.accepted:.3f}>"


def certificate(folder) -> str:
    """A self-signed certificate with its key, in one file."""
    path = os.path.join(str(folder), "mailbox.pem")
    if not os.path.exists(path):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", path, "-out", path + ".crt"],
                       check=True, capture_output=True, stdin=subprocess.DEVNULL)
        with open(path, "a") as key, open(path + ".crt") as crt:
            key.write(crt.read())
    return path


class Mailbox:
    def __init__(self, port, folder):
        self.port = port
        self.mails = []
        self.refused = 0
        self._begun = {}
        self._lock = threading.Lock()
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate(folder))
        box = self

        class Server(SMTP):
            async def smtp_RCPT(self, arg):
                box._begun.setdefault(id(self.session), boottime())
                await super().smtp_RCPT(arg)

        class Listener(Controller):
            def factory(self):
                return Server(self.handler, **self.SMTP_kwargs)

        self._controller = Listener(self, hostname="127.0.0.1", port=port, tls_context=tls, require_starttls=True,
                                    auth_required=True, authenticator=self._authenticate, ready_timeout=20,
                                    # LOGIN has no standard text for its prompts, and Go is strict about them.
                                    auth_exclude_mechanism=["LOGIN"])

    def _authenticate(self, server, session, envelope, mechanism, data):
        good = getattr(data, "login", None) == USER.encode() and data.password == PASSWORD.encode()
        if not good:
            self.refused += 1
        return AuthResult(success=good, handled=good)

    async def handle_DATA(self, server, session, envelope):
        accepted = boottime()
        with self._lock:
            self.mails.append(Mail(self._begun.pop(id(session), accepted), accepted, envelope))
        return "250 OK"

    def __enter__(self):
        self._controller.start()
        return self

    def __exit__(self, *_):
        self._controller.stop()

    def clear(self) -> None:
        with self._lock:
            self.mails.clear()

    def wait(self, n=1, timeout=20.0, detail=None):
        """The first n mails, once that many are here."""
        wait_until(f"{n} mails (there are {self.mails})", lambda: len(self.mails) >= n, timeout, detail=detail)
        return self.mails[:n]
