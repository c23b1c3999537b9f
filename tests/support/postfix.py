"""A real Postfix for tests, with settings, queue and mailboxes of its own, on ports of its own.

It is started by its own hand, beside whatever mail server the machine has, and needs root. Its one user logs in
by Cyrus SASL; what it accepts is delivered to Maildirs. Each of its ports is another kind of server:

    submission   STARTTLS, then AUTH PLAIN or LOGIN
    login        STARTTLS, then AUTH LOGIN and nothing else
    smtps        TLS from the first byte
    plain        no TLS at all: what is said can be read on the way
    greylist     submission, and who writes to somebody for the first time is sent away with a 451
"""
import os
import shutil
import socketserver
import subprocess
import tempfile
import threading

from mail_server import make_certificate
from mailbox import PASSWORD, USER, Mail
from process import Process, free_port, wait_until

MASTER = "/usr/lib/postfix/sbin/master"
DOMAIN = "example.org"
KNOWN = ("operator", "deputy", "boss")  # and whatever follows a +
MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = localhost
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
local_recipient_maps =
recipient_delimiter = +
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = localhost
smtpd_sasl_authenticated_header = yes
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_received_header = yes
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
tls_ssl_options = NO_TICKET
"""
# No service is chrooted: they would miss their libraries and the accounts.
MASTER_CF = """\
127.0.0.1:{submission} inet n - n - - smtpd
127.0.0.1:{login} inet n - n - - smtpd -o smtpd_sasl_path=login
127.0.0.1:{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
127.0.0.1:{plain} inet n - n - - smtpd -o smtpd_tls_security_level=none -o smtpd_tls_auth_only=no
127.0.0.1:{greylist} inet n - n - - smtpd
  -o {{ smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{policy} }}
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
SASL = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/data/accounts
mech_list: {mechanisms}
"""


class Greylist:
    """Postfix's policy protocol: 451 for a sender's first mail to a recipient. `asked` are the recipients, in order."""

    def __init__(self, port):
        self.port = port
        self.asked = []
        self._known = set()
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                request = {}
                for line in self.rfile:
                    name, _, value = line.decode().rstrip("\n").partition("=")
                    if name:
                        request[name] = value
                        continue
                    self.wfile.write(f"action={outer.judge(request)}\n\n".encode())
                    request = {}

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True
            block_on_close = False

        self._server = Server(("127.0.0.1", port), Handler)

    def judge(self, request) -> str:
        pair = request["sender"], request["recipient"]
        self.asked.append(request["recipient"])
        if pair in self._known:
            return "DUNNO"
        self._known.add(pair)
        return "451 4.7.1 Greylisted, come back in a moment"

    def start(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def end(self):
        self._server.shutdown()
        self._server.server_close()


class Postfix:
    """Use as a context manager. `ports` maps the names above to what they listen on."""

    def __init__(self):
        # Not in a test's own folder: Postfix's users must reach it.
        self.folder = tempfile.mkdtemp(prefix="tolld-postfix-")
        self.ports = {name: free_port() for name in ("submission", "login", "smtps", "plain", "greylist")}
        self.greylist = Greylist(free_port())
        self._write()
        self._process = Process("postfix", [MASTER, "-d", "-c", f"{self.folder}/etc"], self.folder)

    def _write(self):
        folder = self.folder
        os.chmod(folder, 0o755)
        for name, user in (("etc/sasl", "root"), ("queue", "root"), ("data", "postfix"), ("mail", "nobody")):
            os.makedirs(f"{folder}/{name}")
            shutil.chown(f"{folder}/{name}", user)
        make_certificate(folder)
        texts = {
            "main.cf": MAIN.format(folder=folder, domain=DOMAIN,
                                   mailboxes=", ".join(f"{{ {name}@{DOMAIN} = {name}/ }}" for name in KNOWN)),
            "master.cf": MASTER_CF.format(policy=self.greylist.port, **self.ports),
            # Debian's Postfix looks for these beside its own settings, whatever cyrus_sasl_config_path says.
            "sasl/smtpd.conf": SASL.format(folder=folder, mechanisms="PLAIN LOGIN"),
            "sasl/login.conf": SASL.format(folder=folder, mechanisms="LOGIN"),
        }
        for name, text in texts.items():
            with open(f"{folder}/etc/{name}", "w") as f:
                f.write(text)
        accounts = f"{folder}/data/accounts"
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", accounts, "-u", "localhost", USER], input=PASSWORD.encode(),
                       check=True, capture_output=True)
        shutil.chown(accounts, "postfix")

    @property
    def certificate(self) -> str:
        return f"{self.folder}/cert.pem"

    def start(self):
        self.greylist.start()
        # Makes what the queue consists of.
        done = subprocess.run(["postfix", "-c", f"{self.folder}/etc", "check"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        self._process.start()
        wait_until("Postfix listens", lambda: self._process.alive and "daemon started" in self.log(), detail=self.log)

    def log(self) -> str:
        try:
            with open(f"{self.folder}/log") as f:
                return f.read()
        except FileNotFoundError:
            return self._process.log()

    def mails(self, name="operator") -> list:
        """What was delivered to NAME@example.org, in the order of arrival."""
        try:
            files = [e for e in os.scandir(f"{self.folder}/mail/{name}/new")]
        except FileNotFoundError:
            return []
        return [read_mail(e.path) for e in sorted(files, key=lambda e: e.stat().st_mtime_ns)]

    def wait(self, n, name="operator", timeout=20.0, detail=None) -> list:
        """The first n of them, once that many are here."""
        wait_until(f"{n} mails for {name}", lambda: len(self.mails(name)) >= n, timeout,
                   detail=lambda: (detail() if detail else "") + self.log()[-4000:])
        return self.mails(name)[:n]

    def clear(self):
        """Empties all mailboxes."""
        for name in KNOWN:
            shutil.rmtree(f"{self.folder}/mail/{name}", ignore_errors=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._process.end()
        self.greylist.end()
        shutil.rmtree(self.folder)


def read_mail(path) -> Mail:
    with open(path, "rb") as f:
        raw = f.read()
    mail = Mail({"begun": None, "accepted": os.stat(path).st_mtime, "from": None, "to": [], "raw": raw.decode("ascii")})
    mail.sender = mail.message["Return-Path"].strip("<>")
    mail.recipients = [mail.message["Delivered-To"]]
    return mail
