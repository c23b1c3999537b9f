"""More random samples and expressions than `expressions` has, for what lies at the edges of the grammar.

Counters that begin at zero, stale markers, numbers at the ends of what a double holds, histograms that are
none, names and values with odd letters; precedence without parentheses, keywords in capitals, labels made by
any regular expression, `group_left` with labels, and expressions that are broken by a slip of the pen. What is known
to differ between 2.42 and version 3 is left out as there.
"""
import re
import struct

from expressions import (ARITHMETIC, COMPARISONS, LABELS, OFFSETS, RANGES, SAMPLES, SCRAPE_S, SETS, STEPS, Grammar, Series)

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
ODD_LABELS = {"Z": 'é "q"\\', "_x": "1"}
# Bounds of a series each; several of them are no histogram's.
BUCKETS = {"x": ("-1", "-0.5", "0", "0.5", "+Inf"), "y": ("0.1", "1", "1e1", "100"), "z": ("+Inf",), "w": ("1", "2", "3", "+Inf"),
           "v": ("1", "1.0", "2", "+Inf"), "u": ("abc", "1", "", "+Inf"), "t": ("0.5", "+Inf"), "s": ("-5", "-1"),
           "r": ("-5", "-2", "+Inf")}


class WildSeries(Series):
    """Loaded by remote write: no text format has stale markers."""

    def __init__(self, seed, begin_s):
        super().__init__(seed, begin_s)
        r = self.random

        def some(choices):
            return self.holes([r.choice(choices) for _ in range(SAMPLES)])

        for a in LABELS["a"]:
            b = r.choice(LABELS["b"])
            stale = [r.uniform(0, 9) for _ in range(SAMPLES)]
            for _ in range(8):
                stale[r.randrange(SAMPLES)] = STALE
            once = [None] * SAMPLES
            once[r.randrange(SAMPLES)] = 4.25
            self.rows += [
                ("info", {"a": a, "version": r.choice(("1", "2", "x")), "le": "9", "c": r.choice(LABELS["c"])}, [1.0] * SAMPLES),
                ("fresh", {"a": a}, self.holes(self.from_zero())),
                ("huge", {"a": a, "b": "1"}, some((1e15, -1e15, 9007199254740993.0, 1e18, 123456789012.0, -3.0))),
                ("tiny", {"a": a, "b": "2"}, some((1e-300, 1e-20, -1e-20, 0.1, 0.30000000000000004, 0.0))),
                ("job:x:sum5m", {"a": a, **ODD_LABELS}, self.walk(3, 2)),
                ("flat", {"a": a}, [7.0] * SAMPLES),
                ("stale", {"a": a, "b": b}, self.holes(stale)),
                ("once", {"a": a}, once),
                ("small", {"a": a, "b": b}, [float(r.randrange(-3, 4)) for _ in range(SAMPLES)]),
            ]
        for a, bounds in BUCKETS.items():
            self.rows += self.buckets(a, bounds)

    def from_zero(self):
        values, value = [], 0.0
        for _ in range(SAMPLES):
            value = 0.0 if self.random.random() < 0.1 else value + self.random.randrange(0, 50)
            values.append(value)
        return values

    def buckets(self, a, bounds):
        """Those of `w` do not even rise from bound to bound."""
        columns = [[0.0] * SAMPLES for _ in bounds]
        for t in range(SAMPLES):
            grown = 0
            for column in columns:
                grown += self.random.randrange(0, 5)
                column[t] = (column[t - 1] if t else 0) + (self.random.randrange(0, 9) if a == "w" else grown)
        return [("odd_bucket", {"a": a, "le": le}, column) for le, column in zip(bounds, columns)]

    def write_request(self):
        """Of remote write 0.1.0, in snappy's block format without any compression."""
        message = b""
        for name, labels, values in self.rows:
            late = self.random.randrange(100, 900)
            pairs = sorted({**{k: v for k, v in labels.items() if v}, "__name__": name}.items())
            series = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in pairs)
            for i, value in enumerate(values):
                if value is not None:
                    at_ms = (self.begin_s + i * SCRAPE_S + 2) * 1000 + late
                    series += field(2, b"\x09" + double(value) + b"\x10" + varint(at_ms))
            message += field(1, series)
        out = varint(len(message))
        for i in range(0, len(message), 1 << 16):
            part = message[i:i + (1 << 16)]
            out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
        return out


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out) + bytes([n])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def double(value):
    return struct.pack("<Q", 0x7FF0000000000002) if value is STALE else struct.pack("<d", value)


class WildGrammar(Grammar):
    NAMES = ("gauge", "requests", "limit", "lonely", "latency_bucket", "info", "fresh", "huge", "tiny", "job:x:sum5m", "flat",
             "stale", "stale", "once", "small", "odd", "odd_bucket")
    MATCHERS = ('Z=~".*q.*"', 'Z!=""', 'Z="é \\"q\\"\\\\"', 'le="+Inf"', 'le=~"1|1.0"', 'version=""', 'version=~"1|2"', 'nope=""',
                'nope!="x"', 'a=~"(?i)X"', 'a!~"x|"', "a=~'[xy]'", "b=~`\\d`", 'c=~"le(ft)?"', 'a=~"x?"')
    NUMBERS = ("-Inf", "+1", "-(1)", "1e-5", "1E3", "0x1f", "0XA", "1.5e+2", "010", "-0", "iNf", "nan", "1.", "-.5e-3", "1e308")
    PATTERNS = ("(.*)", "(.+)", "(x|y)?(.*)", "([a-z])", "(?P<n>.*)", "", ".*", "x", "^x$", "(x)|(y)", "(?i)(X)", "(é) (.*)", "(.)(.)?",
                "[^a]+", "(", "*", "(?:x)(y)?", ".", "left|(right)")
    REPLACEMENTS = ("$1", "${1}", "$1$2", "$2", "$n", "${n}-x", "$$", "x", "", "$0", "$10", "$1x", "${1}x", "$", "${", "é$1", "$_",
                    "\\\\1", "$3", "${3}y")
    JUNK = ("(", ")", "{", "}", "[", "]", ",", '"', "sum", "by", "1", "on", "offset", "@", "-", "bool", "=", "=~", "é", "#", " ",
            "and", "1e", "0x", ".", "start", 'a="b"', "inf", "rate(", '=="x"', "\\", "`", "!", "!=", "atan2", "group_left", "NaN")

    def name(self):
        return self.r.choice(self.NAMES)

    def matchers(self):
        made = super().matchers()
        if self.r.random() < 0.08:
            made.append(self.r.choice(self.MATCHERS))
        return made

    def window_s(self):
        return self.r.choice((*RANGES, "1h1s", "18s", "2m13s", "1m31s500ms"))

    def shift(self):
        text = ""
        if self.r.random() < 0.15:
            text = self.r.choice((" offset ", " OFFSET ")) + self.r.choice((*OFFSETS, "-4m", "1h", "10m5s", "-15m"))
        if self.r.random() < 0.08:
            at = self.r.choice((" @ start()", " @ end()", f" @ {self.time_s()}", f" @ {self.time_s()}.25", f" @ {self.time_s() / 1e3:.6f}e3"))
            text = at + text if self.r.random() < 0.4 else text + at
        return text

    def matrix(self, depth):
        if depth > 0 and self.r.random() < 0.35:
            return f"({self.vector(depth - 1)})[{self.window_s()}:{self.r.choice((*STEPS, '', ''))}]{self.shift()}"
        return f"{self.selector()}[{self.window_s()}]{self.shift()}"

    def scalar(self, depth):
        return self.r.choice(self.NUMBERS) if self.r.random() < 0.1 else super().scalar(depth)

    def rate(self):
        if self.r.random() < 0.5:
            return super().rate()
        return f"{self.r.choice(('irate', 'resets', 'changes', 'delta', 'idelta'))}({self.selector()}[{self.window_s()}]{self.shift()})"

    def vector(self, depth):
        if depth > 0 and self.r.random() < 0.3:
            return self.r.choice((self.chain, self.chain, self.relabelled, self.informed, self.compared, self.missing, self.histogram,
                                  self.strange, self.sets, self.signs, self.ordered))(depth - 1)
        return super().vector(depth)

    # -- precedence --

    def item(self, depth):
        kind = self.r.random()
        if kind < 0.3:
            return self.literal()
        if kind < 0.5:
            return self.r.choice(("", "", "-")) + self.selector()
        if kind < 0.6:
            return "-" + self.r.choice("23")
        return f"sum by(a) ({self.vector(depth - 1)})" if depth > 0 and self.r.random() < 0.5 else self.selector()

    def chain(self, depth):
        text = self.item(depth)
        for _ in range(self.r.randrange(1, 4)):
            on = self.r.choice(("", "", " ignoring(nope)", " ignoring(le)", " on(a,b,c,le,Z,_x,version)"))
            text += f" {self.r.choice((*ARITHMETIC, '%'))}{on} {self.item(depth)}"
        return text

    def compared(self, _):
        text = self.selector()
        for _ in range(self.r.randrange(1, 4)):
            other = self.r.choice((self.literal(), self.literal(), "-3", "2 * 3", self.selector()))
            text += f" {self.r.choice(COMPARISONS)}{self.r.choice((' ', ' ', ' bool '))}{other}"
        return text

    def sets(self, _):
        text = self.selector()
        for _ in range(self.r.randrange(1, 4)):
            on = self.r.choice(("", " on(a)", " ignoring(b)", " on()", " on(nope)", " ignoring(a,b,c)"))
            text += f" {self.r.choice((*SETS, 'AND', 'Or'))}{on} {self.selector()}"
        return text

    def signs(self, _):
        s = self.selector()
        return self.r.choice((f"-{s} ^ 2", f"--{s}", f"+-{s}", f"-{s} * -1", f"2 ^ -{s}", f"- - 3 + {s}", f"-1 ^ {s}", f"2 ^ 3 ^ {s}",
                              f"-{s} offset 1m", f"+{s}"))

    # -- functions at their edges --

    def missing(self, depth):
        s = self.selector()
        return self.r.choice((
            f"absent({s})", f"absent_over_time({s}[{self.window_s()}])", 'absent(nope{a="x",b=~"y",c!="z",a2="q"})',
            'absent(nope{a="x",a="y"})', "absent(sum(nope))", 'absent_over_time(nope{a="1",c=""}[5m1s])', f"absent({self.vector(depth)})",
            'absent({__name__="nope",q="1"})', f"absent_over_time(({s})[{self.window_s()}:10s])"))

    def relabelled(self, depth):
        v = self.vector(depth) if self.r.random() < 0.5 else self.selector()
        if self.r.random() < 0.2:
            sources = "".join(f', "{self.r.choice(("a", "b", "c", "nope", "__name__", "Z", "le"))}"' for _ in range(self.r.randrange(0, 4)))
            target = self.r.choice(("d", "a", "__name__", "_", "e9", "b"))
            return f'label_join({v}, "{target}", "{self.r.choice(("-", "", ", ", "é"))}"{sources})'
        target = self.r.choice(("d", "d", "a", "b", "__name__", "le", "_x"))
        source = self.r.choice(("a", "a", "b", "c", "nope", "__name__", "Z", "le"))
        return f'label_replace({v}, "{target}", "{self.r.choice(self.REPLACEMENTS)}", "{source}", "{self.r.choice(self.PATTERNS)}")'

    def informed(self, depth):
        one = self.r.choice(("info", "info", "limit", "flat", "sum by(a)(gauge)", "max without(b)(gauge)", 'info{a="x"}'))
        many = self.r.choice(("gauge", "requests", "latency_bucket", "small", "stale", "odd_bucket", self.vector(depth)))
        operator = self.r.choice(("*", "+", "-", "/", ">", "<=", "== bool", "!= bool", "> bool", "%"))
        on = self.r.choice((" on(a)", " on(a)", " ignoring(b,c,version,le)", " ignoring(b,c)", " on(a,c)", " on()"))
        extra = self.r.choice(("()", "", "(version)", "(version,c)", "(le)", "(nope)", "(b)", "(version,)", "(a)"))
        if self.r.random() < 0.5:
            return f"{many} {operator}{on} group_left{extra} {one}"
        return f"{one} {operator}{on} group_right{extra} {many}"

    def histogram(self, _):
        """No rate: how far one of a counter near zero is drawn towards it is what version 3 does otherwise."""
        q = self.r.choice(("0", "0.01", "0.25", "0.5", "0.9", "0.99", "1", "-0.1", "1.1", "NaN", 'scalar(limit{a="x"}) / 100', "Inf"))
        inner = self.r.choice((
            "odd_bucket", f"idelta(odd_bucket[{self.window_s()}])", "sum by(le) (odd_bucket)",
            f"sum by(le,a) (delta(odd_bucket[{self.window_s()}]))", 'odd_bucket{le!="+Inf"}', "odd_bucket * 0", "odd_bucket / 0",
            "odd_bucket - 1000", "latency_bucket or odd_bucket", 'odd_bucket{le=~"1|2"}', 'label_replace(odd_bucket,"le","5","le","1")',
            "gauge", f"odd_bucket - on(a,le) odd_bucket offset {self.r.choice(('1m', '5m'))}"))
        return f"histogram_quantile({q}, {inner})"

    def ordered(self, _):
        n = self.r.choice("123")
        return self.r.choice((f"topk({n}, gauge)", f"bottomk({n}, limit)", "sort(gauge)", "sort_desc(gauge)", "topk by(a) (2, gauge)",
                              "sort(odd)", "sort_desc(odd)", "sort_desc(limit > 40)"))

    def strange(self, depth):
        v, s, w = self.vector(depth), self.selector(), self.window_s()
        few = self.r.choice(("small", "gauge", "limit", "flat"))
        return self.r.choice((
            f"clamp({v}, 5, 1)", f"clamp({v}, NaN, 1)", f"clamp({s}, -Inf, Inf)",
            f"round({s}, {self.r.choice(('0.1', '-5', '1e-9', 'NaN', 'Inf', '1e300', '0.3'))})",
            f"quantile_over_time({self.r.choice(('NaN', '0.33', '-Inf', '1.0001'))}, {self.matrix(depth)})",
            f"predict_linear({s}[{w}], {self.scalar(0)})", "topk by(b) (1.9, gauge)", 'bottomk(scalar(small{a="x"}), gauge)', f"topk(-1, {s})",
            'count_values("a", small)', 'count_values by(a) ("le", small)', 'count_values without(a) ("b", small)',
            f'count_values("value", {self.r.choice(("huge", "tiny", "gauge", "flat", "fresh"))})', "quantile by(a) (scalar(once), gauge)",
            f"sum by (a,) ({v})", f"sum ({v}) by (a)", f"SUM BY (b) ({v})", f"vector(scalar({v}))", f"scalar({v}) + {s}",
            f"({s} # comment\n)", f"sgn({v})", f"stddev by(a) ({few})", f"stdvar({self.r.choice((few, 'tiny', 'once'))})",
            f"deriv({few}[{w}])", f"stdvar_over_time({few}[{w}])", f"timestamp({s})", f"timestamp(timestamp({s}))", f"last_over_time({s}[{w}])",
            f"day_of_year({self.r.choice(('vector(1e9)', 'gauge * 1e8', 'vector(-1e10)', 'vector(951782400)', 'vector(4102444800.9)'))})",
            f"group by(nope) ({v})", f"sum without() ({v})", f"avg by() ({v})", f"time() - timestamp({s})",
            f"min_over_time((time() % 17)[{w}:5s])", f"count_over_time(vector(1)[{w}:10s])",
            f"sum_over_time((stale)[{w}:{self.r.choice(STEPS)}])", f"count_over_time(stale[{w}])",
            f"{self.literal()} {self.r.choice(ARITHMETIC)} {self.literal()} {self.r.choice(ARITHMETIC)} {v}"))

    def slip(self):
        """An expression with a word too many, too few, or in the wrong place."""
        words = re.findall(r"\w+|\s+|.", self.expression(), re.S)
        for _ in range(self.r.choice((1, 1, 2))):
            i, kind = self.r.randrange(len(words)), self.r.random()
            if kind < 0.35:
                del words[i]
            elif kind < 0.6:
                words.insert(i, self.r.choice(self.JUNK))
            elif kind < 0.8:
                words[i] = self.r.choice(self.JUNK)
            else:
                j = self.r.randrange(len(words))
                words[i], words[j] = words[j], words[i]
            words = words or ["1"]
        return "".join(words)
