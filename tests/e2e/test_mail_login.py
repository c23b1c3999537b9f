"""Logging in at the mail server by OAuth 2.0, as Gmail wants it of who has no app password."""
import http.server
import json
import urllib.parse

import pytest

from exporter import Serving
from mail_server import MailServer
from process import free_port, wait_until
from subject import Timing, dies, write_settings

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises")


class Accounts(Serving):
    """Where access tokens are made of refresh tokens. Each answer is the next of `answers`, the last again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.asked.append({**{k: v[0] for k, v in urllib.parse.parse_qs(form).items()},
                                    "authorization": self.headers.get("Authorization")})
                status, answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        super().__init__(free_port(), Handler)


def token(text, seconds=3600):
    return 200, {"access_token": text, "token_type": "Bearer", "expires_in": seconds}


def write_oauth2(folder, ports, accounts):
    write_settings(folder, ports, Timing(hold="0s", group_wait="0s"))
    for name, text in (("client-secret", "s3cret\n"), ("refresh-token", "1//refresh\n")):
        (folder / name).write_text(text)
    path = folder / "alertmanager.yml"
    path.write_text(path.read_text().replace("  smtp_auth_password: 'wwwwwwwwwwwwwwww'\n", f"""\
  smtp_oauth2:
    client_id: 1234.apps.example.org
    client_secret_file: client-secret
    refresh_token_file: refresh-token
    token_url: http://127.0.0.1:{accounts.port}/token
"""))


def server(folder, ports):
    return MailServer(str(folder / "mail"), port=ports.smtp, user="watcher", password="ya29.good", mechanism="XOAUTH2")


def test_a_token_is_fetched_and_logs_in(start, exporter, ports, tmp_path):
    with Accounts(token("ya29.good")) as accounts, server(tmp_path, ports) as mail:
        write_oauth2(tmp_path, ports, accounts)
        subject = start(settings=False)
        dies(subject, exporter)
        wait_until("the mail comes", mail.mails, detail=subject.log)
        assert mail.mails()[0]["user"] == "watcher"
        asked, = accounts.asked
        assert asked["grant_type"] == "refresh_token" and asked["refresh_token"] == "1//refresh"
        assert asked["authorization"] or asked["client_id"] == "1234.apps.example.org"
        assert not any(secret in subject.log() for secret in ("ya29.good", "1//refresh", "s3cret"))


def test_a_token_that_is_refused_is_fetched_anew(start, exporter, ports, tmp_path):
    with Accounts(token("ya29.taken-back"), token("ya29.good")) as accounts, server(tmp_path, ports) as mail:
        write_oauth2(tmp_path, ports, accounts)
        subject = start(settings=False)
        dies(subject, exporter)
        wait_until("the mail comes", mail.mails, 30, detail=subject.log)
        assert len(accounts.asked) == 2
        assert "AUTH: Login denied" in subject.log() and "ya29" not in subject.log()


def test_without_a_token_it_says_why_and_tries_again(start, exporter, ports, tmp_path):
    with Accounts((400, {"error": "invalid_grant"}), (400, {"error": "invalid_grant"}), token("ya29.good")) as accounts, \
            server(tmp_path, ports) as mail:
        write_oauth2(tmp_path, ports, accounts)
        subject = start(settings=False)
        dies(subject, exporter)
        wait_until("the mail comes", mail.mails, 30, detail=subject.log)
        assert "oauth2 token: status code 400: invalid_grant" in subject.log()
