"""Random samples and random PromQL over them: the whole grammar, away from what is known to differ.

Prometheus 2.42 has closed ranges and sees a sample that is exactly five minutes old; version 3, which
tolld follows, has neither. So no sample lies on a whole second, no range or offset ends on a step of
a subquery, and top-level times are no multiples of five seconds.
"""
import math
import random
import re

# Every time of a sub-query is a multiple of five seconds; ranges leave one, the top-level time two.
STEPS = ("5s", "10s", "15s", "30s", "1m")
RANGES = ("31s", "46s", "61s", "121s", "3m1s", "5m1s", "11m1s")
OFFSETS = ("5s", "30s", "1m", "4m", "-30s", "-1m")
SCRAPE_S, SAMPLES = 15, 100
SPAN_S = SCRAPE_S * SAMPLES

LABELS = {"a": ("x", "y", "z"), "b": ("1", "2"), "c": ("left", "right")}

MAPS = ("abs", "ceil", "floor", "sgn", "sqrt", "exp", "ln", "log2", "log10", "deg", "rad", "asin", "acos", "atan", "sinh",
        "cosh", "tanh", "asinh", "acosh", "atanh", "timestamp", "absent", "sort", "sort_desc")
CIRCLES = ("sin", "cos", "tan")
DATES = ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")
RATES = ("rate", "increase")
WINDOWS = ("delta", "irate", "idelta", "deriv", "changes", "resets", "avg_over_time",
           "min_over_time", "max_over_time", "sum_over_time", "count_over_time", "last_over_time",
           "present_over_time", "absent_over_time", "stddev_over_time", "stdvar_over_time")
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group")
DEVIATIONS = ("stddev", "stdvar")
ARITHMETIC = ("+", "-", "*", "/", "^", "atan2")
COMPARISONS = ("==", "!=", "<", ">", "<=", ">=")
SETS = ("and", "or", "unless")


def number(value):
    """As the exposition formats write it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)


class Series:
    """Names and labels of what the samples are of, each with its values; None is a gap."""

    def __init__(self, seed, begin_s):
        self.random = random.Random(seed)
        self.begin_s = begin_s
        self.rows = []
        r = self.random
        for a in LABELS["a"]:
            for b in LABELS["b"]:
                self.rows.append(("gauge", {"a": a, "b": b}, self.walk(r.uniform(-50, 50), 10)))
                self.rows.append(("requests", {"a": a, "b": b, "c": r.choice(LABELS["c"])}, self.counter()))
            self.rows.append(("limit", {"a": a}, self.walk(r.uniform(1, 90), 1)))
            self.rows.append(("odd", {"a": a}, self.oddities()))
            self.rows.extend(self.histogram(a))
        self.rows.append(("lonely", {}, self.walk(5, 5)))

    def holes(self, values):
        """Some scrapes failed; and one series comes late or ends early."""
        r = self.random
        kept = [None if r.random() < 0.06 else v for v in values]
        fate = r.random()
        if fate < 0.2:
            kept[:SAMPLES // 3] = [None] * (SAMPLES // 3)
        elif fate < 0.4:
            kept[-SAMPLES // 3:] = [None] * len(kept[-SAMPLES // 3:])
        return kept

    def walk(self, value, step):
        """Quarters, and a part that is the series' own: sums are exact in any order, and no two are equal."""
        values, own = [], (len(self.rows) + 1) / 1024
        for _ in range(SAMPLES):
            value += self.random.uniform(-step, step)
            values.append(round(value * 4) / 4 + own)
        return self.holes(values)

    def counter(self):
        """Far from 0: how far a rate is drawn towards it is what version 3 does otherwise."""
        values, value = [], 5000 + len(self.rows)
        for i in range(SAMPLES):
            reset = i > SAMPLES / 2 and self.random.random() < 0.06
            value = 5000 if reset else value + self.random.randrange(0, 20)
            values.append(float(value))
        return values

    def oddities(self):
        return self.holes([self.random.choice((0.0, -0.0, 1e-300, 1e300, -1.5, math.nan, math.inf, -math.inf, 7.0))
                           for _ in range(SAMPLES)])

    def histogram(self, a):
        bounds = ("0.1", "0.5", "1", "+Inf")
        counts = [[5000.0 * (i + 1)] * SAMPLES for i in range(len(bounds))]
        for t in range(1, SAMPLES):
            grown = 0
            for i, column in enumerate(counts):
                grown += self.random.randrange(0, 5)
                column[t] = column[t - 1] + grown
        return [("latency_bucket", {"a": a, "le": le}, column) for le, column in zip(bounds, counts)]

    def exposition(self):
        """OpenMetrics, with all samples of a series at their own times."""
        lines = []
        for name in dict.fromkeys(row[0] for row in self.rows):
            lines.append(f"# TYPE {name} unknown")
            for _, labels, values in (row for row in self.rows if row[0] == name):
                shown = ",".join(f'{k}="{v}"' for k, v in labels.items())
                late = self.random.randrange(100, 900)
                for i, value in enumerate(values):
                    if value is not None:
                        at = self.begin_s + i * SCRAPE_S + late / 1000 + 2
                        lines.append(f"{name}{{{shown}}} {number(value)} {at:.3f}")
        return "\n".join(lines) + "\n# EOF\n"


class Grammar:
    """Expressions, all valid by type; depth bounds how they nest."""

    def __init__(self, seed, begin_s):
        self.r = random.Random(seed)
        self.begin_s = begin_s

    def expression(self):
        depth = self.r.randrange(1, 5)
        return self.vector(depth) if self.r.random() < 0.93 else self.scalar(depth)

    def time_s(self):
        """A top-level time within the samples: two more than a multiple of five."""
        return self.begin_s + self.r.randrange(0, SPAN_S // 5 + 60) * 5 + 2

    def pick(self, *weighted):
        kinds, weights = zip(*weighted)
        return self.r.choices(kinds, weights)[0]

    # -- scalars --

    def literal(self):
        return self.r.choice(("0", "1", "2", "-1", "0.5", "3", "10", "1e3", "0x10", "100", "Inf", "NaN", ".25"))

    def scalar(self, depth):
        kind = self.pick(("literal", 5), ("time", 1), ("scalar", 2), ("binary", 3 if depth > 0 else 0), ("pi", 1))
        if kind == "time":
            return "time()"
        if kind == "pi":
            return "pi()"
        if kind == "scalar" and depth > 0:
            return f"scalar({self.vector(depth - 1)})"
        if kind == "binary":
            left, right = self.scalar(depth - 1), self.scalar(depth - 1)
            if self.r.random() < 0.25:
                return f"({left} {self.r.choice(COMPARISONS)} bool {right})"
            return f"({left} {self.r.choice(ARITHMETIC)} {right})"
        return self.literal()

    # -- selectors --

    def matchers(self):
        made = []
        for name, values in LABELS.items():
            if self.r.random() < 0.25:
                value, operator = self.r.choice(values), self.r.choice(("=", "!=", "=~", "!~"))
                if "~" in operator:
                    value = self.r.choice((value, f"{value}|none", ".+", ".*", f"[{value[0]}].*", ""))
                made.append(f'{name}{operator}"{value}"')
        return made

    def name(self):
        return self.r.choice(("gauge", "gauge", "requests", "requests", "limit", "odd", "lonely", "latency_bucket"))

    def selector(self):
        made = self.matchers()
        if self.r.random() < 0.08:
            inside = ",".join([f'__name__=~"{self.r.choice(("gauge|limit", "l.*", "gauge"))}"', *made])
            return "{" + inside + "}"
        return self.name() + ("{" + ",".join(made) + "}" if made or self.r.random() < 0.1 else "")

    def shift(self):
        text = ""
        if self.r.random() < 0.15:
            text += f" offset {self.r.choice(OFFSETS)}"
        if self.r.random() < 0.08:
            text += self.r.choice((" @ start()", " @ end()", f" @ {self.time_s()}"))
        return text

    def matrix(self, depth):
        if depth > 0 and self.r.random() < 0.3:
            step = self.r.choice(STEPS)
            return f"({self.vector(depth - 1)})[{self.r.choice(RANGES)}:{step}]{self.shift()}"
        return f"{self.selector()}[{self.r.choice(RANGES)}]{self.shift()}"

    # -- vectors --

    def vector(self, depth):
        if depth <= 0:
            return self.selector() + self.shift()
        makers = ((self.leaf, 3), (self.map, 3), (self.window, 5), (self.aggregate, 5), (self.binary, 6), (self.unary, 1),
                  (self.parens, 1), (self.labels, 1), (self.quantile, 1), (self.clamp, 1), (self.date, 1), (self.to_vector, 1))
        return self.pick(*makers)(depth - 1)

    def leaf(self, depth):
        return self.selector() + self.shift()

    def map(self, depth):
        if self.r.random() < 0.1:
            # Of huge numbers each library gives its own sine, and each modulus its own rest.
            return self.r.choice((f"{self.r.choice(CIRCLES)}({self.distinct()})", f"({self.distinct()} % {self.r.choice('357')})"))
        kind = self.r.choice(MAPS)
        # Both versions forget an `offset` beside `@` inside timestamp(); tolld does not.
        return f"{kind}({self.selector() if kind == 'timestamp' else self.vector(depth)})"

    def date(self, _):
        """Of what is no time (NaN, infinity) Go's conversion gives what the processor gives."""
        v = self.r.choice(("", f"timestamp({self.selector()})", f"{self.distinct()} * 1e7", "vector(time())"))
        return f"{self.r.choice(DATES)}({v})"

    def to_vector(self, depth):
        return f"vector({self.scalar(depth)})"

    def unary(self, depth):
        return f"-{self.parens(depth)}"

    def parens(self, depth):
        return f"({self.vector(depth)})"

    def window(self, depth):
        kind = self.r.random()
        if kind < 0.08:
            return f"quantile_over_time({self.r.choice(('0', '0.5', '0.9', '1', '-1', '2'))}, {self.matrix(depth)})"
        if kind < 0.14:
            # 2.42 loses samples of a window that `@` holds in place, from the second step on.
            made = f"predict_linear({self.matrix(depth)}, {self.r.choice(('0', '60', '3600', '-60'))})"
            return re.sub(" @ (start\\(\\)|end\\(\\)|[0-9]+)", "", made)
        if kind < 0.4:
            return self.rate()
        return f"{self.r.choice(WINDOWS)}({self.matrix(depth)})"

    def rate(self):
        counter = self.r.choice(("requests", "requests", "latency_bucket"))
        made = self.matchers()
        selector = counter + ("{" + ",".join(made) + "}" if made else "")
        if self.r.random() < 0.2:
            return f"{self.r.choice(RATES)}(({selector})[{self.r.choice(RANGES)}:{self.r.choice(STEPS)}]{self.shift()})"
        return f"{self.r.choice(RATES)}({selector}[{self.r.choice(RANGES)}]{self.shift()})"

    def grouping(self):
        names = [n for n in (*LABELS, "le") if self.r.random() < 0.4]
        return self.r.choice(("by", "without")) + " (" + ", ".join(names) + ")"

    def aggregate(self, depth):
        grouping = self.grouping() if self.r.random() < 0.7 else ""
        kind = self.r.random()
        if kind < 0.1:
            # Of equal values it is open which one is taken.
            return f"{self.r.choice(('topk', 'bottomk'))} {grouping} ({self.r.choice(('0', '1', '2', '5'))}, {self.distinct()})"
        if kind < 0.17:
            return f"quantile {grouping} ({self.r.choice(('0', '0.3', '0.5', '1', '1.5', '-1'))}, {self.vector(depth)})"
        if kind < 0.2:
            # The last digit of a sine is the library's own, and would be a label here; so would what known() knows of.
            signs = f"sgn({self.vector(depth)})"
            return f'count_values {grouping} ("v", {self.r.choice((self.selector(), self.selector() if "odd" in signs else signs))})'
        if kind < 0.26:
            # Version 3: the deviation of what is not finite is not a number; in 2.42 it is 0.
            return f"{self.r.choice(DEVIATIONS)} {grouping} ({self.distinct()})"
        return f"{self.r.choice(AGGREGATIONS)} {grouping} ({self.vector(depth)})"

    def distinct(self):
        made = self.matchers()
        return self.r.choice(("gauge", "limit")) + ("{" + ",".join(made) + "}" if made else "") + self.shift()

    def clamp(self, depth):
        v = self.vector(depth)
        return self.r.choice((f"clamp({v}, {self.scalar(0)}, {self.scalar(0)})", f"clamp_min({v}, {self.scalar(0)})",
                              f"clamp_max({v}, {self.scalar(0)})", f"round({v})", f"round({v}, {self.r.choice(('5', '0.5', '0'))})"))

    def labels(self, depth):
        v = self.vector(depth)
        return self.r.choice((
            f'label_replace({v}, "d", "$1-new", "a", "(.*)")', f'label_replace({v}, "b", "", "b", ".*")',
            f'label_replace({v}, "a", "w", "c", "left")', f'label_join({v}, "d", "-", "a", "b")'))

    def quantile(self, depth):
        inner = self.r.choice((f"rate(latency_bucket[{self.r.choice(RANGES)}])", "latency_bucket",
                               f"sum by (le) (rate(latency_bucket[{self.r.choice(RANGES)}]))", self.vector(depth)))
        return f"histogram_quantile({self.r.choice(('0', '0.5', '0.9', '1', '1.5', '-1'))}, {inner})"

    def matching(self, groups):
        if self.r.random() < 0.4:
            return ""
        names = [n for n in LABELS if self.r.random() < 0.6]
        text = f" {self.r.choice(('on', 'ignoring'))}({', '.join(names)})"
        if groups and self.r.random() < 0.5:
            extra = [n for n in LABELS if n not in names and self.r.random() < 0.3] if " on" in text else []
            text += f" {self.r.choice(('group_left', 'group_right'))}({', '.join(extra)})"
        return text

    def binary(self, depth):
        left, right = self.parens(depth), self.parens(depth)
        kind = self.pick(("sets", 2), ("vectors", 3), ("scalar", 4))
        if kind == "sets":
            return f"{left} {self.r.choice(SETS)}{self.matching(False)} {right}"
        if self.r.random() < 0.35:
            operator = self.r.choice(COMPARISONS) + self.r.choice(("", " bool"))
        else:
            operator = self.r.choice(ARITHMETIC)
        if kind == "vectors":
            return f"{left} {operator}{self.matching(True)} {right}"
        scalar = self.scalar(depth)
        return self.r.choice((f"{left} {operator} {scalar}", f"{scalar} {operator} {left}"))
