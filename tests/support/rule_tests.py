"""A file of rule unit tests given to tolld, its answers to promtool: what they do not agree upon."""
import math
import re
import subprocess
import xml.etree.ElementTree as ET

from expressions import number
from rule_files import mapping, quoted
from subject import TOLLD

TOLERANCE = 1e-9


def run(cwd, *command):
    return subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


# -- what either says --

QUOTED = r'"((?:[^"\\]|\\.)*)"'
LABEL = re.compile(rf"([A-Za-z_]\w*)={QUOTED}")
LABELS = rf"\{{(?:[^\"}}]|{QUOTED.replace('(', '(?:', 1)})*\}}"
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def unquoted(text):
    """Go's and tolld's way to write a string."""
    def one(m):
        e = m.group(1)
        return chr(int(e[1:], 16)) if e[0] in "xuU" and len(e) > 1 else ESCAPES.get(e, e)
    return re.sub(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", one, text, flags=re.S)


def labels_of(text):
    """{name: value} of m{a="b"} or {__name__="m", a="b"}."""
    made = {k: unquoted(v) for k, v in LABEL.findall(text)}
    name = text.partition("{")[0]
    return {"__name__": name, **made} if name else made


class Said:
    """cases: of (kind, what, time) to [(labels, annotations)], [(labels, value)] or "fails"; rules that fail: {(rule, time)}."""

    def __init__(self):
        self.cases, self.rules, self.other = {}, set(), []


def seconds(text):
    units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001}
    return sum(int(n) * units[u] for n, u in re.findall(r"(\d+)(ms|[hms])", text))


def tolld_alerts(detail):
    made = []
    for line in detail.splitlines():
        if line.startswith("    got       {"):
            made.append((labels_of(line[14:]), {}))
        elif line.startswith(" " * 16) and made:
            name, _, value = line.strip().partition(": ")
            made[-1][1][name] = unquoted(value[1:-1])
    return made


def tolld_samples(detail):
    return [(labels_of(line[14:].rpartition(" ")[0]), line.rpartition(" ")[2])
            for line in detail.splitlines() if line.startswith("    got       ") and line != "    got       nothing"]


def tolld_said(path, cases):
    said = Said()
    for failure in ET.parse(path).iter("failure"):
        message, (line, _, detail) = failure.get("message"), (failure.text or "").partition("\n")
        failed = re.search(r"rule '([^']*)' of group '[^']*' fails at (\S+): ", message)
        case = cases.get(int(line.removeprefix("line ") or 0)) if line.startswith("line ") else None
        if failed:
            said.rules.add((failed.group(1), seconds(failed.group(2))))
        elif "the expression fails at" in message:
            said.cases[case] = "fails"
        elif case:
            said.cases[case] = (tolld_alerts if case[0] == "alertname" else tolld_samples)(detail)
        else:
            said.other.append(message)
    said.other += [e.text for e in ET.parse(path).iter("error")]
    return said


def promtool_said(out):
    said = Said()
    for block in re.split(r"\n(?=    (?:alertname|expr|rule|name): )", out):
        alert = re.match(r"    alertname: (\S+), time: (\S+), *\n.*?\n        got:(.*)", block, re.S)
        expr = re.match(rf"    expr: {QUOTED}, time: (\S+?),\s*(?:exp: .*?\n        got: (.*)|(err: .*))", block, re.S)
        rule = re.match(r"    rule: (\S+), time: (\S+), err: ", block)
        if rule:
            said.rules.add((rule.group(1), seconds(rule.group(2))))
        elif alert:
            said.cases["alertname", alert.group(1), seconds(alert.group(2))] = [
                (labels_of(a), labels_of(b)) for a, b in re.findall(rf"Labels:({LABELS})\s+Annotations:({LABELS})", alert.group(3))]
        elif expr:
            said.cases["expr", unquoted(expr.group(1)), seconds(expr.group(2))] = "fails" if expr.group(4) else [
                (labels_of(a), v) for a, v in re.findall(rf"({LABELS}) (\S+?)(?:,|\s|$)", expr.group(3))]
        elif block.strip() not in ("", "SUCCESS", "FAILED:") and not block.startswith("Unit Testing:"):
            said.other.append(block)
    return said


# -- whether it is the same --

NUMBER = re.compile(r"[-+]?(?:0[xX][01](?:\.[0-9a-fA-F]+)?[pP][-+]\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


def same_number(a, b):
    x, y = (float.fromhex(n) if "x" in n.lower() else float(n) for n in (a, b))
    if not math.isfinite(x) or not math.isfinite(y):
        return x == y or (math.isnan(x) and math.isnan(y))
    return abs(x - y) <= TOLERANCE * max(1, abs(x), abs(y))


FAULT = re.compile("<error expanding template: .*>", re.S)


def same_text(a, b):
    """Numbers in it may differ in the last digit."""
    a, b = FAULT.sub("<error>", a), FAULT.sub("<error>", b)
    return a == b or (NUMBER.sub("#", a) == NUMBER.sub("#", b) and all(map(same_number, NUMBER.findall(a), NUMBER.findall(b))))


def same_pair(mine, theirs):
    for a, b in zip(mine, theirs):
        if isinstance(a, str):
            if not same_number(a, b):
                return False
        elif a.keys() != b.keys() or not all(same_text(v, b[k]) for k, v in a.items()):
            return False
    return True


def only_in(mine, theirs):
    """What either alone has, in any order; ([], []): they are the same."""
    if "fails" in (mine, theirs):
        return ([], []) if mine == theirs else (mine, theirs)
    left, lonely = list(theirs), []
    for one in mine:
        found = next((i for i, other in enumerate(left) if same_pair(one, other)), None)
        if found is None:
            lonely.append(one)
        else:
            del left[found]
    return lonely, left


def as_expected(case, answer):
    """What stands in a file of tests."""
    if case[0] == "alertname":
        return [f"{{exp_labels: {mapping(labels)}, exp_annotations: {mapping(notes)}}}" for labels, notes in answer]
    made = []
    for labels, value in answer:
        inside = ", ".join(f"{k}={quoted(v)}" for k, v in labels.items() if k != "__name__")
        shown = labels.get("__name__", "") + "{" + inside + "}"
        made.append(f"{{labels: {quoted(shown)}, value: {number(float(value)).lower().replace('inf', '.inf').replace('nan', '.nan')}}}")
    return made


def difference(folder, file, counts, failing=None):
    """In words, or None. Counts what there was; rules that fail for both go to `failing`."""
    (folder / "rules.yml").write_text(file.rules)
    text, cases = file.text({})
    (folder / "ask.yml").write_text(text)
    asked = run(folder, TOLLD, "test", "--junit", "junit.xml", "ask.yml")
    mine = tolld_said(folder / "junit.xml", cases)
    if mine.other:
        told = run(folder, "promtool", "test", "rules", "ask.yml")
        theirs = promtool_said(told.stdout + told.stderr)
        counts["refused"] += 1
        return None if theirs.other else f"refused here alone:\n{asked.stderr}\n{told.stdout}{told.stderr}"
    answers = {c: as_expected(c, a) for c, a in mine.cases.items() if a != "fails"}
    text, cases = file.text(answers)
    (folder / "answered.yml").write_text(text)
    again = run(folder, TOLLD, "test", "answered.yml")
    if not mine.rules and "fails" not in mine.cases.values() and again.returncode:
        return f"its own answers are refused:\n{again.stdout}{again.stderr}"
    told = run(folder, "promtool", "test", "rules", "answered.yml")
    theirs = promtool_said(told.stdout + told.stderr)
    if theirs.other:
        return "refused there alone:\n" + "\n".join(theirs.other)
    if mine.rules != theirs.rules:
        return f"rules fail here {sorted(mine.rules)}, there {sorted(theirs.rules)}:\n{asked.stderr}\n{told.stdout}{told.stderr}"
    if mine.rules:
        counts["failing"] += 1
        (set() if failing is None else failing).update(mine.rules)
        return None
    counts["answers"] += sum(map(len, mine.cases.values()))
    counts["empty"] += len(cases) - len(mine.cases)
    found = []
    for case in cases.values():
        x = mine.cases.get(case, [])
        y = theirs.cases.get(case, x)
        x, y = ([], []) if x == y else only_in(x, y)
        if x or y:
            found.append(f"{case}:\n   tolld    {x}\n   promtool {y}")
    if not found and told.returncode and not theirs.cases:
        return f"not understood:\n{told.stdout}{told.stderr}"
    return "\n".join(found) or None
