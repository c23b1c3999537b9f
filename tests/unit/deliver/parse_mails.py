"""Parses mails with Python's email package and compares what it finds with what was meant.

Reads one file: per mail four parts, each a 32-bit length and bytes: the mail, its subject, its text
and its HTML. Exits 1 at the first difference. The HTML is also read by a parser, which must find
no element that html.c does not write.
"""

import email
import email.policy
import html.parser
import struct
import sys

KNOWN_TAGS = {"html", "head", "meta", "body", "div", "table", "tr", "td", "a", "br"}


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in KNOWN_TAGS:
            raise ValueError(f"a value became the element <{tag}>")
        for name, value in attrs:
            if name.startswith("on") or (name == "href" and not value.startswith("http")):
                raise ValueError(f"a value became the attribute {name}={value!r}")
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            raise ValueError(f"</{tag}> closes another element")


def parts(data):
    while data:
        found = []
        for _ in range(4):
            (size,) = struct.unpack_from("=I", data)
            found.append(data[4 : 4 + size])
            data = data[4 + size :]
        yield found


def decoded(part):
    """The body of one part, with the line ends of the source."""
    text = part.get_payload(decode=True).decode("utf-8")
    return text.replace("\r\n", "\n")


def compare(what, found, meant):
    if found != meant:
        raise ValueError(f"{what}: found\n{found!r}\nwhere this was meant:\n{meant!r}")


def check(raw, subject, text, markup):
    head = raw.split(b"\r\n\r\n", 1)[0]
    if b"\n" in raw.replace(b"\r\n", b"") or b"\r" in raw.replace(b"\r\n", b""):
        raise ValueError("a line end that is not CRLF")
    if max(len(line) for line in raw.split(b"\r\n")) > 76:
        raise ValueError("a line of more than 76 columns")
    raw.decode("ascii")
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    if mail.defects:
        raise ValueError(f"defects: {mail.defects}")
    names = ["date", "from", "to", "subject", "message-id", "in-reply-to", "references", "auto-submitted", "mime-version", "content-type"]
    owners = "x-copy" in mail
    compare("headers", sorted(name.lower() for name in mail.keys()), sorted(names + ["x-copy"] * owners))
    for name in ("subject", "x-copy") if owners else ("subject",):
        # The policy above trims; the header itself is decoded without.
        found = email.header.decode_header(email.message_from_bytes(head)[name].replace("\r\n", ""))
        found = "".join(s if isinstance(s, str) else s.decode(c or "ascii") for s, c in found)
        compare(name, found.strip(), subject.decode("utf-8").strip())
    children = list(mail.iter_parts())
    compare("parts", [c.get_content_type() for c in children], ["text/plain", "text/html"])
    compare("text", decoded(children[0]).rstrip("\n"), text.decode("utf-8").rstrip("\n"))
    compare("html", decoded(children[1]).rstrip("\n"), markup.decode("utf-8").rstrip("\n"))
    tags = Tags()
    tags.feed(markup.decode("utf-8"))
    tags.close()
    compare("open elements", tags.open, [])


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    count = 0
    for found in parts(data):
        try:
            check(*found)
        except (ValueError, UnicodeDecodeError) as fault:
            print(f"mail {count}: {fault}", file=sys.stderr)
            return 1
        count += 1
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
