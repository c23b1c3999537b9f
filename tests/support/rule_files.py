"""Random rule files and random unit tests of them, in promtool's notation.

Groups of rules that read the series, each other's results and ALERTS; samples with gaps, stale markers and resets.
What 2.42 and version 3 are known to see differently is kept away by arithmetic: evaluations and checks lie on multiples
of 5 s (or 2 s behind), ranges end 1 s beside, and samples come either 1 ms later each time, or so often that none that is 5m old
is ever the newest.
"""
import json
import random
import re

from expressions import COMPARISONS, RANGES, SETS, Grammar

NAMES = ("up", "up", "gauge", "gauge", "requests", "limit", "lonely", "latency_bucket", "odd")
SECTIONS = (("alert_rule_test", "alertname", "exp_alerts"), ("promql_expr_test", "expr", "exp_samples"))
RULE_LABELS = ("severity", "team", "kind")


def quoted(text):
    """A YAML scalar: JSON's strings are, but for what YAML takes for the end of a line."""
    text = json.dumps(text, ensure_ascii=False)
    return re.sub("[\x85\u2028\u2029]", lambda m: f"\\u{ord(m.group()):04x}", text)


def mapping(pairs):
    return "{" + ", ".join(f"{quoted(k)}: {quoted(v)}" for k, v in pairs.items()) + "}"


def duration(seconds):
    """As a person writes it."""
    h, rest = divmod(seconds, 3600)
    m, s = divmod(rest, 60)
    return "".join(f"{n}{u}" for n, u in ((h, "h"), (m, "m"), (s, "s")) if n) or "0s"


class RuleGrammar(Grammar):
    """Expressions over the input, what is recorded, and ALERTS. No mean: 2.42's moves from sample to sample, and steps show it."""

    def __init__(self, r, end_s):
        super().__init__(0, 0)
        self.r = r
        self.end_s = end_s
        self.recorded, self.alerts = [], []

    def time_s(self):
        return self.r.randrange(0, self.end_s // 5) * 5 + 2

    def name(self):
        kind = self.r.random()
        if self.recorded and kind < 0.25:
            return self.r.choice(self.recorded)
        if kind < 0.35:
            return self.r.choice(("ALERTS", "ALERTS", "ALERTS_FOR_STATE"))
        return self.r.choice(NAMES)

    def matchers(self):
        made = super().matchers()
        if self.r.random() < 0.1:
            made.append(self.r.choice(('severity="page"', 'severity=~"page|warn"', 'kind!=""', 'team=""', 'alertstate="firing"')))
        return made

    def shift(self):
        if self.r.random() < 0.12:
            return f" offset {self.r.choice(('5s', '30s', '1m', '4m', '-30s'))}"
        return self.r.choice((" @ start()", " @ end()", f" @ {self.time_s()}")) if self.r.random() < 0.05 else ""

    def vector(self, depth):
        """atan2 keeps the name in 2.42."""
        return super().vector(depth).replace("atan2", "*")

    def aggregate(self, depth):
        made = super().aggregate(depth)
        return made if not made.startswith("avg") else "max" + made[3:]

    def window(self, depth):
        made = super().window(depth)
        return made if not made.startswith("avg_over_time") else "max" + made[3:]

    def alerting(self):
        """What an alert asks."""
        r = self.r
        threshold = r.choice(("0", "1", "10.3", "-20.3", "3.3", "40.3", "0.3"))
        compare = r.choice(COMPARISONS)
        own = f'alertname="{r.choice(self.alerts)}"' if self.alerts else "a=~'x|y'"
        state = r.choice(('', ',alertstate="firing"', ',alertstate="pending"'))
        return r.choice((
            "up == 0", "up == 0", f"up{{a=\"{r.choice('xyz')}\"}} == 0", "up != 1", "absent(up{a=\"x\"})", "absent(lonely)",
            f"gauge {compare} {threshold}", f"lonely {compare} {threshold}", f"gauge {compare} on(a) group_left limit",
            f"rate(requests[{r.choice(RANGES)}]) > {r.choice(('0.1', '0.4', '1.1'))}", f"sum by(a) (gauge) {compare} {threshold}",
            f"changes(up[{r.choice(RANGES)}]) > {r.choice('0123')}", f"resets(requests[{r.choice(RANGES)}]) > 0",
            f"count by(a) (up == 0) > {r.choice('01')}", f"vector(time()) > {r.randrange(0, self.end_s)}",
            f"time() > bool {r.randrange(0, self.end_s)}", f"vector(time() % {r.choice('79')}0) {compare} 35", f"odd {compare} {threshold}",
            f"time() - ALERTS_FOR_STATE{{{own}}} >= {r.choice(('0', '60', '90', '200'))}", f"ALERTS{{{own}{state}}}",
            f"ALERTS{{{own}{state}}} == 1", f"count(ALERTS{state.replace(',', '{')}{'}' if state else ''}) > {r.choice('0123')}",
            f"up == 0 unless on(a) ALERTS{{{own}{state}}}", f"gauge {r.choice(SETS)} up", f"max by(a) (gauge) > 3.3 and on(a) up == 1",
            f"{self.name()} {compare} {threshold}", f"{self.name()} {compare} {threshold}",
            f"avg by(a) (gauge) {r.choice('<>')} {threshold}", f"avg_over_time(gauge[{r.choice(RANGES)}]) {r.choice('<>')} {threshold}",
            f"histogram_quantile(0.9, sum by(le) (rate(latency_bucket[{r.choice(RANGES)}]))) > 0.3",
            f"predict_linear(gauge[{r.choice(RANGES)}], 600) < 0", f"min_over_time(up[{r.choice(RANGES)}]) == 0", "vector(1)", "1", "up",
            f"time() - timestamp(gauge) > {r.choice(('20', '40', '80'))}", self.vector(2), self.vector(2), self.vector(3), self.vector(1)))

    def recording(self, name):
        r = self.r
        window = r.choice(RANGES)
        return r.choice((
            "sum by(a) (gauge)", "avg by(a, b) (gauge)", f"rate(requests[{window}])", f"sum without(b) (rate(requests[{window}]))",
            "count(up == 1)", "count(up)", f"max_over_time(gauge[{window}])", "up", "gauge > 3.3", "gauge / on(a) group_left limit",
            f"{name} + 1 or vector(0)", f"({name} or vector(1)) * 2", f"max({name} or lonely)", f"sum_over_time({name}[{window}]) or vector(1)",
            "time()", "vector(time())", "ALERTS", "count by(alertname, alertstate) (ALERTS)", "max(ALERTS_FOR_STATE)", "ALERTS_FOR_STATE",
            "1", "odd", "NaN", f"count_values('value', up)", f"label_replace(gauge, 'kind', '$1-k', 'a', '(.*)')",
            f"topk(2, gauge)", f"{self.name()} offset {r.choice(('30s', '1m'))}", f"count_over_time((up == 0)[{window}:15s])",
            f"count_over_time(up[{window}:])", "timestamp(gauge)", self.name(), self.vector(1), self.vector(2), self.vector(3), self.scalar(2)))

    def query(self):
        """In a template: a series, or in an order that is certain; without double quotes."""
        return self.r.choice((
            "sum(up)", "sort(gauge)", "sort_desc(limit)", "count(ALERTS)", "time()", "vector(time())", "lonely", "nope", "sort(gauge > 3.3)",
            f"sum({self.name()})", f"max({self.name()})", "scalar(lonely)", "sum(rate(requests[2m1s]))", "up{a='x',b='1'}",
            "sum(up", "'text'", "up[5m]", "count_over_time(vector(1)[1m1s:])", "sort_desc(count by(a) (gauge) + sum by(a) (limit))"))


class Templates:
    """Texts of labels and annotations."""

    LABELS = ("page", "warn", "page", "x", "", "{{ $labels.a }}", "{{ $labels.b }}-{{ $labels.a }}", "{{ $labels.nope }}",
              "{{ $value }}", '{{ printf "%.0f" $value }}', "{{ if gt $value 3.3 }}page{{ else }}warn{{ end }}", "é \"q\" \\ {x}",
              "{{ $externalLabels.site }}", "{{ $labels.alertname }}", "{{ .Nope }}", "{{ humanize .Value }}")
    NUMBERS = ("{{ $value }}", "{{ .Value }}", "{{ humanize $value }}", "{{ $value | humanize1024 }}", "{{ humanizeDuration $value }}",
               "{{ $value | humanizePercentage }}", "{{ humanizeTimestamp $value }}", "{{ $value | toTime }}", "{{ $value | printf \"%.2f\" }}",
               '{{ printf "%5.1f|%-8.2f|%+.3e|%08.3f" $value $value $value $value }}', '{{ printf "%g %G %v %e" $value $value $value $value }}',
               '{{ printf "%d" $value }}', '{{ printf "%s" $value }}', '{{ printf "%q %x %t" $value $value $value }}', '{{ printf "%X %.1x %b %8.0X|%.20x" $value $value $value $value $value }}',
               "{{ if $value }}yes{{ else }}no{{ end }}", "{{ gt $value 3.3 }} {{ lt $value 3.3 }} {{ eq $value 1.0 }} {{ ne $value 0.0 }}",
               "{{ ge $value 1 }}", "{{ print $value }}|{{ println $value }}|{{ print $value 1 \"x\" }}", "{{ with $value }}{{ . }}{{ end }}",
               "{{ and $value 1 }} {{ or $value 2 }} {{ not $value }}", "{{ $x := $value }}{{ $x = 2.5 }}{{ $x }}", "{{ len $value }}",
               '{{ printf "%T" $value }}', '{{ printf "%*.*f" 9 2 $value }}', "{{ $value | html }}", "{{ js $value }}", "{{ urlquery $value }}",
               "{{ humanize \"12345.678\" }}", "{{ humanizeDuration \"3661\" }}", "{{ humanizeTimestamp 1e11 }}", "{{ toTime 9.3e9 }} {{ toTime -9.2e9 }}", "{{ humanize \"x\" }}", "{{ 1e6 }} {{ 0x10 }} {{ 'a' }} {{ -1.5 }}")
    TEXTS = ("plain", "", "{{ $labels }}", "{{ .Labels }}", "{{ $labels.a }} of {{ $labels.b }}", "{{ $labels.nope }}|", "{{ len $labels }}",
             '{{ index $labels "a" }}', '{{ index $labels "nope" }}|', '{{ eq $labels.a "x" }}', "{{ title $labels.a }}", "{{ toUpper $labels.a }}",
             '{{ reReplaceAll "([xy])" "<$1>" $labels.a }}', '{{ match "^[xy]$" $labels.a }}', "{{ slice $labels.a 0 1 }}",
             "{{ range $k, $v := $labels }}{{ $k }}={{ $v }};{{ end }}", "{{ range $labels }}{{ . }},{{ else }}none{{ end }}",
             "{{ $externalLabels }}", "{{ $externalLabels.site }}", "{{ $externalURL }}",
             '{{ printf "%q %s %v %5s|%-5s|" $labels.a $labels.a $labels.a $labels.a $labels.a }}', '{{ printf "%v" $labels }}',
             "{{ $labels.a.b }}", "{{ .Nope }}", '{{ template "nope" }}', "{{ index $labels 1 }}", '{{ slice $labels.a 0 9 }}',
             '{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $labels.a }}', '{{ define "u" }}{{ .arg0 }}+{{ .arg1 }}{{ end }}{{ template "u" (args $labels.a $value) }}',
             "{{- /* nothing */ -}} {{- $labels.a -}} x", "{{ html $labels.a }}{{ js \"a'b\" }}{{ urlquery \"a b&c\" }}", '{{ "é" | toUpper }}',
             "{{ graphLink \"up == 0\" }}", "{{ tableLink \"sum(up) > 1\" }}", '{{ stripPort "host:80" }} {{ stripPort "[::1]:80" }}',
             '{{ parseDuration "1h30m" }}', '{{ parseDuration "x" }}', '{{ safeHtml "<b>" }}', "{{ range $i := $labels }}{{ break }}{{ end }}",
             "{{ if and (eq $labels.a \"x\") (gt $value 1.3) }}A{{ else if $labels.b }}B{{ else }}C{{ end }}", "{{ $labels.alertname }}",
             "{{ with $labels.c }}c={{ . }}{{ else }}no c{{ end }}", "line\nline", "ü \"q\" 'a' \\ {{ \"{{\" }}", "{{ `raw` }}\t{{ \"\\t\\x41\" }}")
    QUERIES = ('{{ with query "@" }}{{ . | first | value }}{{ else }}none{{ end }}', '{{ query "@" | first | value | humanize }}',
               '{{ range query "@" }}{{ .Labels.a }}={{ .Value }} {{ end }}', '{{ query "@" | len }}', '{{ query "@" | first | label "a" }}',
               '{{ range $i, $e := query "@" }}{{ $i }}:{{ $e.Value | printf "%.1f" }};{{ end }}', '{{ with query "@" }}{{ (index . 0).Labels }}{{ end }}',
               '{{ range query "max by(a) (gauge)" | sortByLabel "a" }}{{ . | label "a" }}={{ .Value }} {{ end }}', '{{ query "ALERTS" | len }}',
               '{{ query "@" | first | strvalue }}|',
               '{{ range printf "sum(up{a=%q})" $labels.a | query }}{{ .Value }}{{ end }}', '{{ (query "@" | first).Value }}',
               '{{ $n := 0.0 }}{{ range query "@" }}{{ $n = .Value }}{{ end }}{{ $n }}')

    def __init__(self, r, grammar):
        self.r, self.grammar = r, grammar

    def label(self):
        return self.r.choice(self.LABELS)

    def annotation(self):
        kind = self.r.random()
        if kind < 0.4:
            return self.r.choice(self.NUMBERS)
        if kind < 0.75:
            return self.r.choice(self.TEXTS)
        return self.r.choice(self.QUERIES).replace("@", self.grammar.query())


class RuleTests:
    """rules: the text of a rule file. tests: what runs over it, each with its cases: {(kind, what, time)}, kind alertname or expr."""

    def __init__(self, rules, tests, evaluation_s=60, order=()):
        self.rules, self.tests, self.evaluation_s, self.order = rules, tests, evaluation_s, order

    def text(self, answers):
        """(file, {line: case}): the tests, with what is expected of each case; of those that have no answer, nothing."""
        lines = ["rule_files: [rules.yml]", f"evaluation_interval: {duration(self.evaluation_s)}",
                 f"group_eval_order: {quoted(list(self.order))}", "tests:"]
        places = {}
        for test in self.tests:
            lines.append(f"- interval: {test['interval']}")
            if test.get("external_labels"):
                lines.append(f"  external_labels: {mapping(test['external_labels'])}")
            if test.get("external_url"):
                lines.append(f"  external_url: {quoted(test['external_url'])}")
            lines.append("  input_series:")
            lines += [f"  - {{series: {quoted(s)}, values: {quoted(v)}}}" for s, v in test["series"]]
            for section, kind, expected in SECTIONS:
                lines.append(f"  {section}:")
                for case in sorted(c for c in test["cases"] if c[0] == kind):
                    items = ", ".join(answers.get(case, ()))
                    lines.append(f"  - {{eval_time: {duration(case[2])}, {kind}: {quoted(case[1])}, {expected}: [{items}]}}")
                    places[len(lines)] = case
        return "\n".join(lines) + "\n", places


class RandomRules(RuleTests):
    def __init__(self, seed):
        self.r = random.Random(seed)
        r = self.r
        self.evaluation_s = r.choice((10, 15, 20, 30, 30, 45, 60, 60, 60, 90, 120, 180))
        self.end_s = r.randrange(4, 30) * self.evaluation_s + 60
        self.grammar = RuleGrammar(r, self.end_s)
        self.templates = Templates(r, self.grammar)
        self.names = [f"r{i}:{r.choice(('sum', 'rate', 'x'))}" for i in range(r.randrange(0, 4))]
        self.grammar.recorded = self.names
        self.grammar.alerts = [f"A{i}" for i in range(r.randrange(1, 5))]
        self.groups = [f"g{i}" for i in range(r.randrange(1, 4))]
        rules = self.make_rules()
        r.shuffle(self.groups)
        super().__init__(rules, [self.make_test()], self.evaluation_s, self.groups)

    # -- rules --

    def labels_of(self, make):
        r = self.r
        names = [n for n in RULE_LABELS if r.random() < 0.3]
        if r.random() < 0.12:
            names.append(r.choice(("a", "b", "alertname", "alertstate", "c")))
        made = {n: make() for n in names}
        # One that repeats itself and gives nothing may be two alerts' for one series; which is kept is chance in 2.42.
        return {n: t for n, t in made.items() if f"$labels.{n} " not in t}

    def alert(self, name):
        r = self.r
        lines = [f"  - alert: {name}", f"    expr: {quoted(self.grammar.alerting())}"]
        if r.random() < 0.7:
            lines.append(f"    for: {r.choice(('0s', '0', '1s', '30s', '1m', '2m', '90s', '5m', duration(self.evaluation_s), duration(2 * self.evaluation_s)))}")
        labels = self.labels_of(self.templates.label)
        if labels:
            lines.append(f"    labels: {mapping(labels)}")
        notes = {n: self.templates.annotation() for n in ("summary", "description", "n") if r.random() < 0.5}
        if notes:
            lines.append(f"    annotations: {mapping(notes)}")
        return lines

    def record(self, name):
        lines = [f"  - record: {name}", f"    expr: {quoted(self.grammar.recording(name))}"]
        labels = self.labels_of(lambda: self.r.choice(("page", "warn", "x", "", "{{ $value }}", "é")))
        labels.pop("alertname", None)
        if labels:
            lines.append(f"    labels: {mapping(labels)}")
        return lines

    def make_rules(self):
        r = self.r
        rules = [self.record(n) for n in self.names] + [self.alert(n) for n in self.grammar.alerts]
        if r.random() < 0.15:
            rules.append(self.alert(r.choice(self.grammar.alerts)))
        r.shuffle(rules)
        lines = ["groups:"]
        for i, group in enumerate(self.groups):
            mine = rules[i::len(self.groups)]
            lines.append(f"- name: {group}")
            if r.random() < 0.3:
                lines.append(f"  interval: {r.choice(('10s', '1m', '7m', '1h'))}")
            if r.random() < 0.15:
                lines.append(f"  limit: {r.choice((0, 2, 4, 8, 20))}")
            lines += ["  rules:"] + [line for rule in mine for line in rule] if mine else ["  rules: []"]
        return "\n".join(lines) + "\n"

    # -- samples --

    def gap(self, aligned):
        return "_" if aligned or self.r.random() < 0.5 else f"_x{self.r.randrange(1, 12)}"

    def values(self, some, count, aligned):
        """`some` gives a token and how many samples it stands for. Each begins with a gap, so that nothing lies at 0."""
        r = self.r
        tokens, n, last = ["_"], 1, "_"
        if r.random() < 0.1:
            count = count // 2
        while n < count:
            kind = r.random()
            if kind < 0.1 and (not aligned or last not in ("_", "__")):
                token, length = self.gap(aligned), 1
            elif kind < 0.15:
                token, length = "stale", 1
            else:
                token, length = some()
            tokens.append(token)
            n += length
            last = "_" if token == "_" else ""
        return " ".join(tokens + (["stale"] if aligned else []))

    def series(self, step_s, aligned):
        r = self.r
        count = self.end_s // step_s + 2
        rows = []

        def add(series, some):
            if r.random() < 0.9:
                rows.append((series, self.values(some, count, aligned)))

        def state():
            n = r.randrange(0, 6)
            return f"{r.choice((0, 1, 1))}" + (f"x{n}" if n else ""), n + 1

        def walk(own):
            n = r.randrange(0, 6)
            start = r.randrange(-200, 200) / 4 + own / 1024
            return (f"{start}{r.choice(('+', '-'))}{r.randrange(0, 40) / 4}x{n}" if n else f"{start}"), n + 1

        def odd():
            return r.choice(("0", "-0", "NaN", "Inf", "-Inf", "7", "-1.5", "1e-300", "1e17", "12345678.5", "0.1")), 1

        own = 0
        for a in "xyz":
            add(f'odd{{a="{a}"}}', odd)
            own += 1
            add(f'limit{{a="{a}"}}', lambda own=own: walk(own))
            for b in "12":
                own += 1
                add(f'up{{a="{a}",b="{b}"}}', state)
                add(f'gauge{{a="{a}",b="{b}"}}', lambda own=own: walk(own))
                rows.append((f'requests{{a="{a}",b="{b}",c="{r.choice(("left", "right"))}"}}', self.counter(count)))
        if r.random() < 0.5:
            for le in ("0.1", "0.5", "1", "+Inf"):
                rows.append((f'latency_bucket{{le="{le}"}}', self.counter(count)))
        add("lonely", lambda: walk(99))
        return rows

    def counter(self, count):
        """Far from 0: how far a rate is drawn towards it is what version 3 does otherwise."""
        r = self.r
        tokens, n, value = ["_"], 1, 5000 + r.randrange(0, 1000)
        while n < count:
            length, step = r.randrange(1, 12), r.randrange(0, 30)
            tokens.append(f"{value}+{step}x{length}")
            n += length + 1
            value = 5000 if r.random() < 0.15 else value + step * (length + 1)
        return " ".join(tokens)

    # -- tests --

    def make_test(self):
        r = self.r
        aligned = r.random() < 0.3
        step_s = r.choice((15, 30, 60))
        test = {"interval": duration(step_s) + ("" if aligned else "1ms"), "series": self.series(step_s, aligned),
                "external_labels": {"site": "home", "a": "ext"} if r.random() < 0.4 else {},
                "external_url": r.choice(("", "", "http://h:9090/p/q", "https://example.org"))}
        times = [r.randrange(0, self.end_s // 5) * 5 + r.choice((0, 2)) for _ in range(4)]
        times += [r.randrange(0, self.end_s // self.evaluation_s) * self.evaluation_s for _ in range(3)]
        asked = ["ALERTS", "ALERTS_FOR_STATE", *self.names]
        asked += [self.grammar.vector(2) for _ in range(2)] + [self.grammar.alerting()]
        test["cases"] = {("alertname", a, t) for a in self.grammar.alerts for t in r.sample(times, 4)}
        test["cases"] |= {("expr", e, t) for e in asked for t in r.sample(times, 2)}
        return test
