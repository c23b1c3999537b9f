"""The page as a browser without JavaScript uses it: an alert is silenced by its link and a form, and spoken of again."""
import html.parser
import json
import urllib.parse

import pytest

from alertmanager import AlertmanagerTolld
from process import http, wait_until
from test_alertmanager import box, settings  # noqa: F401

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="tolld's own page")

RULES = """\
groups:
- name: g
  rules:
  - alert: Always
    expr: vector(7)
    labels: {odd: 'a"b\\c, {d} </textarea><script>x</script> ü'}
"""
VOID = {"meta", "link", "input"}


class Page(html.parser.HTMLParser):
    """What is on a page: links by their words, forms with their fields, all text; and that tags close in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.forms, self.text, self.scripts = [], [], [], "", 0
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append([attrs["href"], ""])
        elif tag == "form":
            self.forms.append((attrs, {}))
        elif tag in ("input", "textarea") and self.forms:
            self.forms[-1][1][attrs["name"]] = attrs.get("value", "")
            self.field = attrs["name"]
        self.scripts += tag == "script"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "a":
            self.links[-1][1] += data
        if self.open and self.open[-1] == "textarea":
            # A line break that begins a textarea does not count.
            self.forms[-1][1][self.field] = data.removeprefix("\n")

    def link(self, words):
        return next(href for href, text in self.links if text == words)

    def form(self, action):
        return next(fields for attrs, fields in self.forms if attrs.get("action") == action)


class Browser:
    def __init__(self, url):
        self.origin, self.url = url, url + "/"

    def get(self, href="", status=200):
        self.url = urllib.parse.urljoin(self.url, href)
        answer = http(self.url)
        assert answer.status == status, answer.text
        return Page(answer.text)

    def submit(self, action, fields, **headers):
        """As it is answered; a redirection is followed."""
        return http(urllib.parse.urljoin(self.url, action), "POST", form=fields,
                    headers={"Origin": self.origin, **headers})


def test_an_alert_is_silenced_and_spoken_of_again(box, tmp_path):  # noqa: F811
    (tmp_path / "rules.yml").write_text(RULES)
    more = f"global: {{evaluation_interval: 1s, external_labels: {{site: home}}}}\nrule_files: [{tmp_path}/rules.yml]\n"
    (tmp_path / "rules-of.yml").write_text(more)
    with AlertmanagerTolld(tmp_path / "am", settings(box.port),
                           options=["--config.file", str(tmp_path / "rules-of.yml")]) as am:
        box.wait(1, detail=am.log)
        browser = Browser(am.url)
        page = browser.get()
        assert page.scripts == 1 and "1 alert firing" in page.text
        page = browser.get(page.link("Silence"))
        assert page.scripts == 1 and "1 alert fires now and would be silent" in page.text
        fields = page.form("new-silence")
        assert fields["filter"].splitlines()[0] == 'alertname="Always"'

        answer = browser.submit("new-silence", {**fields, "for": "soon"})
        page = Page(answer.text)
        assert answer.status == 400 and '"soon" is no duration' in page.text and "Say who you are" in page.text
        assert page.form("new-silence") == {**fields, "for": "soon"}
        fields |= {"author": "Ann <b>", "comment": "because & so", "for": "1h"}
        # Somebody else's page fills the same form.
        assert browser.submit("new-silence", fields, Origin="http://evil.example").status == 403
        assert am.get("/silences") == []
        answer = browser.submit("new-silence", fields)
        page = Page(answer.text)
        assert answer.status == 200 and "Ann <b>" in page.text and "because & so" in page.text

        known, = am.get("/silences")
        assert {m["name"]: m["value"] for m in known["matchers"]} == {
            "alertname": "Always", "odd": json.loads('"a\\"b\\\\c, {d} </textarea><script>x</script> ü"')}
        assert "(1 silenced)" in browser.get("/").text
        state, = {a["status"]["state"] for a in am.get("/alerts")}
        assert state == "suppressed"

        changed = browser.get(page.link("Change")).form("new-silence")
        assert changed["author"] == "Ann <b>" and changed["filter"] == fields["filter"].strip()
        answer = browser.submit("new-silence", {**changed, "for": "3h"})
        assert answer.status == 200 and "ends in " in Page(answer.text).text
        longer, = am.get("/silences")
        assert {**longer, "endsAt": "", "updatedAt": ""} == {**known, "endsAt": "", "updatedAt": ""}
        assert longer["endsAt"] > known["endsAt"]

        answer = browser.submit("end-silence", page.form("end-silence"))
        assert answer.status == 200 and "Again" in Page(answer.text).text
        assert [s["status"]["state"] for s in am.get("/silences")] == ["expired"]
        wait_until("it fires again", lambda: {a["status"]["state"] for a in am.get("/alerts")} == {"active"},
                   detail=am.log)


def test_what_others_post_is_seen_and_silenced(box, tmp_path):  # noqa: F811
    with AlertmanagerTolld(tmp_path / "am", settings(box.port)) as am:
        am.post({"labels": {"alertname": "Posted", "job": "<i>"}, "annotations": {"summary": "by <b>"}})
        browser = Browser(am.url)
        page = browser.get()
        assert "1 alert firing" in page.text and 'job="<i>"' in page.text and "by <b>" in page.text
        fields = browser.get(page.link("Silence")).form("new-silence")
        answer = browser.submit("new-silence", {**fields, "begin": "1h", "author": "Ann", "comment": "later"})
        assert answer.status == 200 and "begins in " in Page(answer.text).text
        # Not yet.
        assert "1 alert firing" in browser.get("/").text and "silenced" not in browser.get("/").text
        page = browser.get("/silences")
        answer = browser.submit("new-silence", {**browser.get(page.link("Change")).form("new-silence"), "begin": ""})
        assert answer.status == 200 and "1 alert firing (1 silenced)" in Page(answer.text).text
        assert "Silenced for 2 h" in browser.get("/").text
