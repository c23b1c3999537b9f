"""The mail server of a test: what came, when, and faults that end when the test says so."""
import email
import email.policy
import logging
import os

from mail_server import MailServer
from process import wait_until

# They warn of each connection that ends early; a test that minds looks at what came.
for logger in ("mail.log", "asyncio"):
    logging.getLogger(logger).setLevel(logging.CRITICAL)

USER, PASSWORD = "watcher", "wwwwwwwwwwwwwwww"


class Mail:
    def __init__(self, kept):
        self.begun = kept["begun"]  # boot clock: the first RCPT
        self.accepted = kept["accepted"]  # boot clock: the whole text was here
        self.sender = kept["from"]
        self.recipients = kept["to"]
        self.raw = kept["raw"].encode("utf-8", "surrogateescape")
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


class Mailbox:
    """STARTTLS and AUTH PLAIN, or it takes nothing. Faults are those of mail_server.py."""

    def __init__(self, port, folder, faults=()):
        self._server = MailServer(os.path.join(str(folder), "mailbox"), port=port, user=USER, password=PASSWORD,
                                  faults=faults)
        self._cleared = 0

    @property
    def mails(self) -> list:
        return [Mail(kept) for kept in self._server.mails()[self._cleared:]]

    @property
    def failures(self) -> int:
        """How often it did a fault."""
        return self._server.store.failures

    def mend(self) -> None:
        self._server.store.set_faults()

    def clear(self) -> None:
        self._cleared = len(self._server.mails())

    def __enter__(self):
        self._server.start()
        # A server that was here before has left its mails in the folder.
        self.clear()
        return self

    def __exit__(self, *_):
        self._server.stop()

    def wait(self, n=1, timeout=20.0, detail=None):
        """The first n mails, once that many are here."""
        wait_until(f"{n} mails (there are {self.mails})", lambda: len(self.mails) >= n, timeout, detail=detail)
        return self.mails[:n]
