#!/usr/bin/python3
"""The rules of the house that a program can prove: calls, order of includes, sizes, form.

    lint.py [ROOT]

Prints one line a finding, `file:line: error|warning: text`, and exits 1 when there is an error. Each
rule is a function that takes a file and yields findings; RULES lists them. Tested by test_lint.py.
"""
import os
import re
import shutil
import subprocess
import sys
from typing import Iterator, List, NamedTuple, Optional, Tuple

ERROR = "error"
WARNING = "warning"


class Finding(NamedTuple):
    line: int
    level: str
    text: str


class Source:
    """One file of the tree: its path relative to the root, and its text."""

    def __init__(self, root: str, path: str):
        self.root = root
        self.path = path
        with open(os.path.join(root, path), "rb") as f:
            self.raw = f.read()
        self.text = self.raw.decode("utf-8", "replace")
        self.lines = self.text.splitlines()
        self.suffix = os.path.splitext(path)[1]
        self._code: Optional[str] = None

    @property
    def is_c(self) -> bool:
        return self.suffix in (".c", ".h")

    @property
    def interpreter(self) -> str:
        first = self.lines[0] if self.lines else ""
        return first[2:].strip() if first.startswith("#!") else ""

    @property
    def code(self) -> str:
        """The C text with comments blanked; lines and columns stay."""
        if self._code is None:
            self._code = blank_comments(self.text)
        return self._code

    def under(self, *folders: str) -> bool:
        return self.path.startswith(tuple(f + "/" for f in folders))

    def line_of(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


TOKENS = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blank_comments(text: str) -> str:
    def blank(m):
        t = m.group()
        return re.sub(r"[^\n]", " ", t) if t.startswith("/") else t
    return TOKENS.sub(blank, text)


def blank_strings(code: str) -> str:
    def blank(m):
        t = m.group()
        return t[0] + " " * (len(t) - 2) + t[-1]
    return re.sub(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, code)


def string_literals(code: str) -> Iterator[Tuple[int, str]]:
    for m in re.finditer(r"'(?:\\.|[^'\\\n])*'|\"((?:\\.|[^\"\\\n])*)\"", code):
        if m.group(1) is not None:
            yield m.start(), m.group(1)


def calls(src: Source, names: str) -> Iterator[Tuple[int, str, str]]:
    """(offset, name, the text of the arguments) of each call; members and declarations are none."""
    plain = blank_strings(src.code)
    for m in re.finditer(r"(?<![\w.>])(%s)\s*\(" % names, plain):
        depth, end = 1, m.end()
        while end < len(plain) and depth:
            depth += {"(": 1, ")": -1}.get(plain[end], 0)
            end += 1
        yield m.start(), m.group(1), src.code[m.end():end - 1]


# -- calls -----------------------------------------------------------------------------------------

BANNED = {
    "strcpy": "strbuf or snprintf()",
    "strcat": "strbuf",
    "sprintf": "snprintf() or strbuf",
    "vsprintf": "vsnprintf() or strbuf",
    "atoi": "num_parse_int()",
    "atol": "num_parse_int()",
    "atof": "num_parse()",
    "strtok": "strcspn() or strsep()",
    "system": "nothing: no shell is ever started",
    "popen": "nothing: no shell is ever started",
    "sleep": "a timer of the event loop",
    "usleep": "a timer of the event loop",
}


def banned_calls(src: Source) -> Iterator[Finding]:
    if not src.is_c:
        return
    for offset, name, _ in calls(src, "|".join(BANNED)):
        # A helper is a process that others watch: it lives in real time.
        if name.endswith("sleep") and src.under("tests/helpers"):
            continue
        yield Finding(src.line_of(offset), ERROR, f"{name}() is banned; use {BANNED[name]}")
    if src.under("user"):
        for offset, name, _ in calls(src, "access|euidaccess"):
            yield Finding(src.line_of(offset), ERROR, f"{name}() passes over the capabilities of who is not root; use "
                          "effective_access() of base/util.h")


CONVERSION = re.compile(r"%%|%[-+ #0']*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?L?([efg])")


def numbers_in_one_place(src: Source) -> Iterator[Finding]:
    if not src.is_c or not src.under("user") or src.path == "user/base/num.c":
        return
    for offset, name, _ in calls(src, "strtod|strtof|strtold"):
        yield Finding(src.line_of(offset), ERROR,
                      f"{name}() depends on the locale; use num_parse() of base/num.h")
    for offset, literal in string_literals(src.code):
        line = src.line_of(offset)
        if "strftime" in src.lines[line - 1]:
            continue
        for m in CONVERSION.finditer(literal):
            if m.group(1):
                yield Finding(line, ERROR, f"{m.group()} in a format depends on the locale; "
                              "use num_format() of base/num.h")


def exit_only_in_main(src: Source) -> Iterator[Finding]:
    if not src.is_c or not src.under("user") or src.path == "user/main.c":
        return
    for offset, name, _ in calls(src, "exit|quick_exit"):
        yield Finding(src.line_of(offset), ERROR, f"{name}() outside main.c; return an error")


# What makes a descriptor, and the flag without which a child would inherit it.
MAKES_FD = {
    "open": "O_CLOEXEC", "openat": "O_CLOEXEC", "socket": "SOCK_CLOEXEC",
    "socketpair": "SOCK_CLOEXEC", "accept4": "SOCK_CLOEXEC", "pipe2": "O_CLOEXEC",
    "epoll_create1": "EPOLL_CLOEXEC", "eventfd": "EFD_CLOEXEC", "timerfd_create": "TFD_CLOEXEC",
    "signalfd": "SFD_CLOEXEC", "inotify_init1": "IN_CLOEXEC", "memfd_create": "MFD_CLOEXEC",
    "mkostemp": "O_CLOEXEC", "dup3": "O_CLOEXEC", "fanotify_init": "FAN_CLOEXEC",
}
# Those that cannot be told to, and what can.
LEAKS_FD = {
    "accept": "accept4(..., SOCK_CLOEXEC)", "pipe": "pipe2(..., O_CLOEXEC)",
    "epoll_create": "epoll_create1(EPOLL_CLOEXEC)", "inotify_init": "inotify_init1(IN_CLOEXEC)",
    "dup": "fcntl(fd, F_DUPFD_CLOEXEC, 0)", "dup2": "dup3(..., O_CLOEXEC)",
    "mkstemp": "mkostemp(..., O_CLOEXEC)", "creat": "open(..., O_CLOEXEC)",
}


def descriptors_close_on_exec(src: Source) -> Iterator[Finding]:
    # A helper is a single program that does with its descriptors what it must show.
    if not src.is_c or not src.under("user", "tests") or src.under("tests/helpers"):
        return
    for offset, name, args in calls(src, "|".join(MAKES_FD)):
        if MAKES_FD[name] not in args:
            yield Finding(src.line_of(offset), ERROR, f"{name}() without {MAKES_FD[name]}")
    for offset, name, _ in calls(src, "|".join(LEAKS_FD)):
        # A child's standard streams are meant to be inherited; tolld itself has no children.
        if src.under("tests") and name == "dup2":
            continue
        yield Finding(src.line_of(offset), ERROR,
                      f"{name}() leaves the descriptor open across exec; use {LEAKS_FD[name]}")
    for offset, name, args in calls(src, "fopen|fdopen"):
        mode = re.search(r"\"([^\"]*)\"\s*$", args)
        if name == "fopen" and (not mode or "e" not in mode.group(1)):
            yield Finding(src.line_of(offset), ERROR, "fopen() without \"e\" in its mode")


# -- the order of the house ------------------------------------------------------------------------

# design.md's table. Includes only ever point down, and never sideways.
FLOORS = {
    "main": 9,
    "wiring": 8,  # user/daemon.c and its siblings, and user/cmd/
    "api": 7,
    "rules": 6,
    "promql": 5, "notify": 5, "scrape": 5, "watch": 5, "deliver": 5,
    "client": 4,
    "tsdb": 3, "config": 3, "template": 3,
    "store": 2, "model": 2, "net": 2,
    "base": 1, "include": 1,
    "skeleton": 0,
}
# What is made by the build, and the only module that may hold it.
GENERATED = {"bpf": ("skeleton", "watch"), "web": ("skeleton", "api"), "packaging": ("skeleton", "config")}
# A library stands behind one door.
LIBRARIES = {
    "bpf/": ("watch",), "libelf.h": ("watch",),
    "curl/": ("net", "client", "deliver", "scrape"),
    "microhttpd.h": ("api",),
    "sqlite3.h": ("store",),
    "yaml.h": ("config",),
    "pcre2.h": ("base",),
}

INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"]", re.M)


def module_of(path: str) -> Optional[str]:
    parts = path.split("/")
    if parts[0] == "include":
        return "include"
    if parts[0] != "user":
        return None
    if len(parts) == 2:
        return "main" if parts[1] == "main.c" else "wiring"
    return "wiring" if parts[1] == "cmd" else parts[1]


def target_of(src: Source, name: str) -> Optional[str]:
    """The module that an include in quotes leads to; None where the folder is not in the table."""
    folder = name.split("/")[0] if "/" in name else ""
    if not folder:
        beside = os.path.join(src.root, os.path.dirname(src.path), name)
        return module_of(src.path) if os.path.exists(beside) else "wiring"
    if folder == "tolld":
        return "include"
    if folder in GENERATED:
        return GENERATED[folder][0]
    if folder == "cmd":
        return "wiring"
    return folder if folder in FLOORS else None


def order_of_the_house(src: Source) -> Iterator[Finding]:
    if not src.is_c:
        return
    own = module_of(src.path)
    if own is None:
        return
    if own not in FLOORS:
        yield Finding(1, ERROR, f"the folder user/{own} has no floor in the house")
        return
    for m in INCLUDE.finditer(src.code):
        line = src.line_of(m.start(1))
        name = m.group(2)
        if m.group(1) == "<":
            for prefix, owners in LIBRARIES.items():
                if name.startswith(prefix) and own not in owners:
                    yield Finding(line, ERROR, f"<{name}> belongs to {' and '.join(owners)}, not to {own}")
            continue
        target = target_of(src, name)
        if target is None:
            yield Finding(line, ERROR, f"\"{name}\" leads to a folder without a floor in the house")
        elif target == "skeleton":
            owner = GENERATED[name.split("/")[0]][1]
            if own != owner:
                yield Finding(line, ERROR, f"\"{name}\" belongs to {owner}, not to {own}")
        elif target != own and FLOORS[target] >= FLOORS[own]:
            way = "sideways" if FLOORS[target] == FLOORS[own] else "up"
            yield Finding(line, ERROR, f"\"{name}\" points {way}: {own} stands on floor {FLOORS[own]}, "
                          f"{target} on floor {FLOORS[target]}")


def kernel_side_knows_no_user_space(src: Source) -> Iterator[Finding]:
    if not src.is_c or not src.under("bpf"):
        return
    for m in INCLUDE.finditer(src.code):
        name = m.group(2)
        beside = os.path.exists(os.path.join(src.root, "bpf", name))
        if name == "vmlinux.h" or name.startswith(("tolld/", "bpf/")) or (m.group(1) == '"' and beside):
            continue
        yield Finding(src.line_of(m.start(1)), ERROR, f"\"{name}\": bpf/ may include only include/ and vmlinux/")


# -- sizes -----------------------------------------------------------------------------------------

FILE_LINES = (800, 1000)
FUNCTION_LINES = (60, 100)


def size_level(n: int, limits: Tuple[int, int]) -> Optional[str]:
    return ERROR if n > limits[1] else WARNING if n > limits[0] else None


def short_files(src: Source) -> Iterator[Finding]:
    if not src.is_c and src.suffix not in (".py", ".js", ".css"):
        return
    level = size_level(len(src.lines), FILE_LINES)
    if level:
        yield Finding(1, level, f"{len(src.lines)} lines; past {FILE_LINES[0]} it asks to be split along an idea")


def short_functions(src: Source) -> Iterator[Finding]:
    """Kernel braces: a function's body stands between a `{` and a `}` in the first column."""
    if src.suffix != ".c":
        return
    start = None
    for i, line in enumerate(src.code.splitlines(), 1):
        if line.rstrip() == "{":
            start = i
        elif line.startswith("}") and start is not None:
            n = i - start - 1
            level = size_level(n, FUNCTION_LINES)
            if level:
                # A test is a table with a loop below it: long is not the same as tangled.
                if src.under("tests"):
                    level = WARNING
                yield Finding(start, level, f"a function of {n} lines; past {FUNCTION_LINES[0]} it asks to be split")
            start = None


# -- form ------------------------------------------------------------------------------------------

def begins_with_a_comment(src: Source) -> Iterator[Finding]:
    lines = [l for l in src.lines[:3]]
    if src.interpreter:
        lines = lines[1:]
    if lines and lines[0].lower().startswith("<!doctype"):
        lines = lines[1:]
    first = lines[0].lstrip() if lines else ""
    if src.is_c or src.suffix == ".css":
        good = first.startswith("/*")
    elif src.suffix == ".js":
        good = first.startswith(("/*", "//"))
    elif src.suffix == ".html":
        good = first.startswith("<!--")
    elif src.suffix == ".py" or "python" in src.interpreter:
        good = first.startswith(('"""', "#"))
    elif src.interpreter or src.suffix in (".sh", ".mk", ".service", ".yml") or src.path == "Makefile":
        good = first.startswith("#")
    else:
        good = True
    if not good:
        yield Finding(1, ERROR, "a file begins with a comment: what it is for and what it promises")


def clean_white_space(src: Source) -> Iterator[Finding]:
    if b"\0" in src.raw:
        return
    if b"\r" in src.raw:
        yield Finding(src.raw[:src.raw.index(b"\r")].count(b"\n") + 1, ERROR, "a carriage return")
    for i, line in enumerate(src.lines, 1):
        if line != line.rstrip():
            yield Finding(i, ERROR, "white space at the end of the line")
    if src.raw and not src.raw.endswith(b"\n"):
        yield Finding(len(src.lines), ERROR, "no newline at the end of the file")
    elif src.raw.endswith(b"\n\n"):
        yield Finding(len(src.lines), ERROR, "empty lines at the end of the file")


def no_path_of_one_machine(src: Source) -> Iterator[Finding]:
    for i, line in enumerate(src.lines, 1):
        m = re.search(r"(?<![\w.])/(work|root)(?=[/\s\"']|$)", line)
        if m:
            yield Finding(i, ERROR, f"{m.group()} is a path of one machine")


def scripts_parse(src: Source) -> Iterator[Finding]:
    path = os.path.join(src.root, src.path)
    if src.suffix == ".py" or "python" in src.interpreter:
        try:
            compile(src.text, src.path, "exec")
        except SyntaxError as e:
            yield Finding(e.lineno or 1, ERROR, f"does not parse: {e.msg}")
    elif src.suffix == ".sh" or src.interpreter.endswith("sh"):
        shell = "bash" if src.interpreter.endswith("bash") else "sh"
        r = subprocess.run([shell, "-n", path], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if r.returncode:
            yield Finding(1, ERROR, "does not parse: " + r.stderr.strip().replace("\n", "; "))


RULES = [
    banned_calls, numbers_in_one_place, exit_only_in_main, descriptors_close_on_exec,
    order_of_the_house, kernel_side_knows_no_user_space,
    short_files, short_functions,
    begins_with_a_comment, clean_white_space, no_path_of_one_machine, scripts_parse,
]


# -- the whole tree --------------------------------------------------------------------------------

def tree(root: str) -> List[str]:
    """The files that git knows or would take; without git, all but what is built."""
    r = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                       stdin=subprocess.DEVNULL, capture_output=True)
    if r.returncode == 0:
        names = sorted(set(r.stdout.decode().split("\0")) - {""})
    else:
        names = []
        for folder, dirs, files in os.walk(root):
            dirs[:] = [d for d in dirs if not d.startswith("build") and d not in (".git", "__pycache__")]
            names += [os.path.relpath(os.path.join(folder, f), root) for f in files]
        names.sort()
    return [n for n in names if os.path.isfile(os.path.join(root, n)) and not os.path.islink(os.path.join(root, n))]


def generated(path: str) -> bool:
    return path.startswith("vmlinux/") and path.endswith(".h")


def format_findings(root: str, names: List[str]) -> Iterator[Tuple[str, Finding]]:
    files = [n for n in names if n.endswith((".c", ".h")) and not generated(n)]
    if not files or not os.path.exists(os.path.join(root, ".clang-format")):
        return
    if not shutil.which("clang-format"):
        yield ".clang-format", Finding(1, ERROR, "clang-format is not installed")
        return
    r = subprocess.run(["clang-format", "--dry-run", "-Werror", "-ferror-limit=1", *files], cwd=root,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    for m in re.finditer(r"^(\S+?):(\d+):\d+: error: code should be clang-formatted", r.stderr, re.M):
        yield m.group(1), Finding(int(m.group(2)), ERROR, "clang-format would change this; run `make format`")
    if r.returncode and "clang-formatted" not in r.stderr:
        yield ".clang-format", Finding(1, ERROR, "clang-format failed: " + r.stderr.strip()[:400])


def lint(root: str) -> Iterator[Tuple[str, Finding]]:
    names = tree(root)
    for name in names:
        if generated(name):
            continue
        src = Source(root, name)
        for rule in RULES:
            for finding in rule(src):
                yield name, finding
    yield from format_findings(root, names)


def main() -> int:
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    errors = warnings = 0
    for name, f in lint(root):
        print(f"{name}:{f.line}: {f.level}: {f.text}")
        errors += f.level == ERROR
        warnings += f.level == WARNING
    print(f"lint: {errors} errors, {warnings} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
