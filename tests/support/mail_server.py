#!/usr/bin/python3
"""A real mail server (aiosmtpd) for tests: STARTTLS or implicit TLS, AUTH PLAIN, and faults on demand.

    mail_server.py --dir D [--host H] [--port P] [--user U --password W] [--no-tls | --implicit-tls]
                   [--client-certificate] [--cram-md5 | --xoauth2] [--fault 'STEP ACTION']... [--until-eof]

Writes `ready PORT` to its output once it listens. Every mail that it takes becomes one JSON line in
D/mails.jsonl: received (seconds since 1970), begun and accepted (the first RCPT and the end of its text, in
seconds of CLOCK_BOOTTIME), from, to, helo, tls, user, raw, subject, text, html. Its self-signed certificate
for localhost is D/cert.pem; with --client-certificate, clients must show the same one. With --cram-md5
or --xoauth2 that is the only way to log in; the password is the secret, or the access token.

Faults stand in D/faults, one a line, and are read anew at every step, so a test may change them:

    STEP     connect, ehlo, starttls, handshake (after the yes to starttls), ehlo-tls, auth, mail, rcpt,
             rcpt:ADDRESS, data, body (the mail was sent), quit
    ACTION   hang; drop (closes the connection); wait SECONDS (and goes on); or a reply: `451 4.3.0 later`

As a module: `with MailServer(directory, user=..., password=...) as server: server.port, server.mails()`.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import hmac
import json
import logging
import os
import signal
import ssl
import subprocess
import sys
import threading
import time

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# The steps of a delivery, in order.
STEPS = ("connect", "ehlo", "starttls", "handshake", "ehlo-tls", "auth", "mail", "rcpt", "data", "body")
SUBJECT_ALT_NAME = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1"


def make_certificate(directory):
    """A fresh self-signed certificate; returns the context of a server that shows it."""
    cert, key = os.path.join(directory, "cert.pem"), os.path.join(directory, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=localhost", "-addext", SUBJECT_ALT_NAME, "-keyout", key, "-out", cert],
        check=True, capture_output=True, stdin=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


class Store:
    """The directory in which mails are kept and faults are found."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)
        self.path = os.path.join(directory, "mails.jsonl")
        self.failures = 0

    def add(self, raw, **envelope):
        mail = email.message_from_bytes(raw, policy=email.policy.default)
        text, html = mail.get_body(("plain",)), mail.get_body(("html",))
        line = json.dumps({
            "received": time.time(),
            **envelope,
            "raw": raw.decode("utf-8", "surrogateescape"),
            "subject": mail["subject"],
            "text": text.get_content() if text else None,
            "html": html.get_content() if html else None,
        })
        with open(self.path, "a", encoding="utf-8") as f:
            f.write(line + "\n")

    def mails(self):
        try:
            with open(self.path, encoding="utf-8") as f:
                # One that is half written is none yet.
                return [json.loads(line) for line in f if line.endswith("\n")]
        except FileNotFoundError:
            return []

    def fault(self, step):
        """The action for this step, or None."""
        try:
            with open(os.path.join(self.directory, "faults"), encoding="utf-8") as f:
                lines = [line.strip().partition(" ") for line in f]
        except FileNotFoundError:
            return None
        return next((action for name, _, action in lines if name == step), None)

    def set_faults(self, *faults):
        """Replaces them in one step, for a server that may be reading."""
        path = os.path.join(self.directory, "faults")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.writelines(fault + "\n" for fault in faults)
        os.rename(path + ".new", path)


def boottime():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


async def never():
    await asyncio.get_running_loop().create_future()


class FaultySMTP(SMTP):
    """aiosmtpd's server with a fault before each command, where the store has one."""

    def __init__(self, store, *args, **kwargs):
        self.store = store
        self.begun = None
        super().__init__(*args, **kwargs)

    async def failed(self, step):
        """Does the fault of this step, if there is one: True where nothing more is to be answered."""
        action = self.store.fault(step)
        if action is None:
            return False
        self.store.failures += 1
        if action.startswith("wait "):
            await asyncio.sleep(float(action[5:]))
            return False
        if action == "hang":
            await never()
        if action == "drop":
            self.transport.abort()
        else:
            await self.push(action)
        return True

    async def _handle_client(self):
        if await self.failed("connect"):
            self.transport.close()
            return
        await super()._handle_client()

    async def failed_greeting(self):
        return await self.failed("ehlo") or (self.session.ssl is not None and await self.failed("ehlo-tls"))

    async def smtp_EHLO(self, hostname):
        if not await self.failed_greeting():
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname):
        if not await self.failed_greeting():
            await super().smtp_HELO(hostname)

    async def smtp_STARTTLS(self, arg):
        if await self.failed("starttls"):
            return
        if self.store.fault("handshake") is None:
            await super().smtp_STARTTLS(arg)
            return
        await self.push("220 go on")
        await self.failed("handshake")

    async def smtp_AUTH(self, arg):
        if not await self.failed("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):
        if not await self.failed("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        if not self.envelope.rcpt_tos:
            self.begun = boottime()
        address = (arg or "").partition("<")[2].partition(">")[0]
        if not await self.failed("rcpt:" + address) and not await self.failed("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if not await self.failed("data"):
            await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        if not await self.failed("quit"):
            await super().smtp_QUIT(arg)


class Handler:
    def __init__(self, store, implicit_tls):
        self.store = store
        self.implicit_tls = implicit_tls

    async def handle_DATA(self, server, session, envelope):
        accepted = boottime()
        action = self.store.fault("body") or ""
        self.store.failures += bool(action)
        if action == "hang":
            await never()
        if action == "drop":
            server.transport.abort()
            return "451 gone"
        if action.startswith("wait "):
            await asyncio.sleep(float(action[5:]))
        elif action:
            return action
        user = session.auth_data.login.decode() if session.auth_data else None
        self.store.add(
            envelope.original_content, begun=server.begun, accepted=accepted, helo=session.host_name, user=user,
            tls=self.implicit_tls or session.ssl is not None,
            **{"from": envelope.mail_from, "to": envelope.rcpt_tos})
        return "250 2.0.0 taken"


class OneWayHandler(Handler):
    """Logs in by one mechanism that aiosmtpd does not have; `judge` says whether it was right."""

    def __init__(self, store, implicit_tls, judge):
        super().__init__(store, implicit_tls)
        self.judge = judge

    def _result(self, login, good):
        message = None if good else "535 5.7.8 wrong user or secret"
        return AuthResult(success=good, handled=False, message=message, auth_data=LoginPassword(login, b""))


class CramHandler(OneWayHandler):
    async def auth_CRAM__MD5(self, server, args):
        challenge = b"<1896.697170952@localhost>"
        answer = await server.challenge_auth(challenge)
        login, _, digest = answer.partition(b" ")
        return self._result(login, self.judge(login, lambda secret: hmac.compare_digest(
            hmac.new(secret, challenge, "md5").hexdigest().encode(), digest)))


class TokenHandler(OneWayHandler):
    async def auth_XOAUTH2(self, server, args):
        answer = base64.b64decode(args[1]) if len(args) > 1 else await server.challenge_auth("")
        fields = dict(f.partition(b"=")[::2] for f in answer.split(b"\1") if f)
        login, token = fields.get(b"user", b""), fields.get(b"auth", b"")
        good = self.judge(login, lambda secret: token == b"Bearer " + secret)
        if not good:
            # As Gmail does: why stands in a challenge, and an empty answer ends it.
            await server.challenge_auth(b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}')
        return self._result(login, good)


class MailServer:
    """The server in a thread of its own. Port 0 is any free one; `port` tells which."""

    def __init__(self, directory, host="127.0.0.1", port=0, user=None, password=None, tls="starttls",
                 client_certificate=False, mechanism=None, faults=()):
        self.store = Store(directory)
        self.store.set_faults(*faults)
        self.host, self.port = host, port
        self.user, self.password = user, password
        self.tls = tls
        self.context = make_certificate(directory) if tls else None
        if client_certificate:
            self.context.load_verify_locations(os.path.join(directory, "cert.pem"))
            self.context.verify_mode = ssl.CERT_REQUIRED
        self.mechanism = mechanism
        kind = {"CRAM-MD5": CramHandler, "XOAUTH2": TokenHandler}.get(mechanism)
        implicit = tls == "implicit"
        self.handler = kind(self.store, implicit, self.judge) if kind else Handler(self.store, implicit)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def authenticate(self, server, session, envelope, mechanism, data):
        if self.user and data == LoginPassword(self.user.encode(), self.password.encode()):
            return AuthResult(success=True, auth_data=data)
        return AuthResult(success=False, handled=False, message="535 5.7.8 wrong user or password")

    def judge(self, login, proves):
        return login == self.user.encode() and proves(self.password.encode())

    def session(self):
        # LOGIN is left to login_server.py: aiosmtpd's prompts are not those that clients know.
        return FaultySMTP(
            self.store, self.handler, hostname="localhost", ident="tolld test server", loop=self.loop,
            tls_context=self.context if self.tls == "starttls" else None, authenticator=self.authenticate,
            auth_required=bool(self.user), auth_require_tls=self.tls == "starttls",
            auth_exclude_mechanism=["LOGIN", "PLAIN"] if self.mechanism else ["LOGIN"])

    def start(self):
        self.thread.start()
        listen = self.loop.create_server(
            self.session, self.host, self.port, ssl=self.context if self.tls == "implicit" else None)
        self.server = asyncio.run_coroutine_threadsafe(listen, self.loop).result(10)
        self.port = self.server.sockets[0].getsockname()[1]

    def stop(self):
        """Ends all conversations where they stand; a server that was stopped is not started again."""
        self.loop.call_soon_threadsafe(self.server.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def mails(self):
        return self.store.mails()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()


def wait_for_the_end(until_eof):
    """Until a signal, or until whoever started this is gone and its end of the pipe with it."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    if until_eof:
        threading.Thread(target=lambda: (sys.stdin.buffer.read(), over.set()), daemon=True).start()
    over.wait()


def arguments(parser):
    parser.add_argument("--dir", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--user")
    parser.add_argument("--password")
    parser.add_argument("--fault", action="append", default=[])
    parser.add_argument("--until-eof", action="store_true")
    parser.add_argument("--implicit-tls", action="store_true")
    return parser


def main():
    parser = arguments(argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter))
    parser.add_argument("--no-tls", action="store_true")
    parser.add_argument("--client-certificate", action="store_true")
    parser.add_argument("--cram-md5", dest="mechanism", action="store_const", const="CRAM-MD5")
    parser.add_argument("--xoauth2", dest="mechanism", action="store_const", const="XOAUTH2")
    args = parser.parse_args()
    # Clients that leave in the middle are what this is for, and no news.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    tls = "implicit" if args.implicit_tls else None if args.no_tls else "starttls"
    server = MailServer(args.dir, args.host, args.port, args.user, args.password, tls,
                        args.client_certificate, args.mechanism, args.fault)
    with server:
        print("ready", server.port, flush=True)
        wait_for_the_end(args.until_eof)
    # Threads that hang on purpose are not waited for.
    os._exit(0)


if __name__ == "__main__":
    main()
