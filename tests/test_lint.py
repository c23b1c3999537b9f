"""Each rule of lint.py finds what it is for, and leaves alone what only looks like it."""
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lint  # noqa: E402

C = "/* x.c - a file for a test. */\n"


def findings(tmp_path, path, text, **others):
    for name, content in {path: text, **others}.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(name, f.line, f.level, f.text) for name, f in lint.lint(str(tmp_path))]


# path, text after the first line, what the finding says
BAD = [
    ("user/base/x.c", "int f(char *a) { return atoi(a); }\n", "atoi() is banned"),
    ("user/base/x.c", "void f(char *a) { strcpy (a, a); }\n", "strcpy() is banned"),
    ("user/base/x.c", "void f(void) { int x; sleep(1); }\n", "sleep() is banned"),
    ("tests/unit/base/x.c", "void f(void) { system(\"ls\"); }\n", "system() is banned"),
    ("user/base/x.c", "int f(char *a) { return access(a, 0); }\n", "access() passes over the capabilities"),
    ("user/base/x.c", "double f(char *a) { return strtod(a, 0); }\n", "strtod() depends on the locale"),
    ("user/api/x.c", "void f(void) { printf(\"%5.2f\", 1.0); }\n", "%5.2f in a format"),
    ("user/api/x.c", "void f(void) { printf(\"%%%g\", 1.0); }\n", "%g in a format"),
    ("user/api/x.c", "void f(void) { exit(1); }\n", "exit() outside main.c"),
    ("user/api/x.c", "int f(void) { return open(\"x\", O_RDONLY); }\n", "open() without O_CLOEXEC"),
    ("user/api/x.c", "int f(void) { return open(name(1, 2),\n\tO_RDONLY); }\n", "open() without O_CLOEXEC"),
    ("user/api/x.c", "int f(void) { return socket(AF_INET, SOCK_STREAM, 0); }\n", "socket() without SOCK_CLOEXEC"),
    ("user/api/x.c", "int f(int s) { return accept(s, 0, 0); }\n", "accept() leaves the descriptor open"),
    ("user/api/x.c", "int f(int *p) { return pipe(p); }\n", "pipe() leaves the descriptor open"),
    ("user/api/x.c", "void *f(void) { return fopen(\"x\", \"r\"); }\n", "fopen() without \"e\""),
    ("user/base/x.c", "#include \"model/alert.h\"\n", "points up: base stands on floor 1, model on floor 2"),
    ("user/promql/x.c", "#include \"notify/notify.h\"\n", "points sideways"),
    ("user/notify/x.c", "#include \"rules/rules.h\"\n", "points up"),
    ("user/rules/x.c", "#include \"daemon.h\"\n", "points up: rules stands on floor 6, wiring"),
    ("user/base/x.c", "#include \"tolld/event.h\"\n", "points sideways"),
    ("user/rules/x.c", "#include \"bpf/watch.skel.h\"\n", "belongs to watch"),
    ("user/rules/x.c", "#include <sqlite3.h>\n", "<sqlite3.h> belongs to store"),
    ("user/rules/x.c", "#include \"shiny/new.h\"\n", "without a floor"),
    ("user/shiny/x.c", "int x;\n", "has no floor"),
    ("bpf/x.bpf.c", "#include \"base/util.h\"\n", "bpf/ may include only"),
    ("bpf/x.bpf.c", "#include <stdio.h>\n", "bpf/ may include only"),
    ("user/base/x.c", "int x;\n" * 1001, "past 800 it asks to be split"),
    ("user/base/x.c", "int f(void)\n{\n" + "\tg();\n" * 101 + "}\n", "a function of 101 lines"),
    ("user/base/x.c", "int x; \n", "white space at the end"),
    ("user/base/x.c", "int x;\r\n", "carriage return"),
    ("user/base/x.c", "int x;", "no newline at the end"),
    ("user/base/x.c", "int x;\n\n", "empty lines at the end"),
    ("user/base/x.c", "static const char x[] = \"/wo" "rk/main\";\n", "is a path of one machine"),
]

GOOD = [
    ("user/base/x.c", "/* strcpy(a, b) is not used; 100%f */\nint x;\n"),
    ("user/base/x.c", "static const char x[] = \"call system(1) or atoi(2)\";\n"),
    ("user/base/x.c", "void f(struct door *d) { d->open(d); door_open(d); }\n"),
    ("user/base/x.c", "int f(void) { return open(\"x\",\n\tO_RDONLY | O_CLOEXEC); }\n"),
    ("user/base/x.c", "void *f(void) { return fopen(\"x\", \"re\"); }\n"),
    ("user/base/num.c", "double f(char *a) { printf(\"%g\", 1.0); return strtod(a, 0); }\n"),
    ("user/base/x.c", "static const char x[] = \"100%% good, 5%% free\";\n"),
    ("user/main.c", "int f(void) { exit(1); }\n"),
    ("user/promql/x.c", "#include \"tsdb/tsdb.h\"\n#include \"model/alert.h\"\n#include \"base/util.h\"\n"),
    ("user/watch/x.c", "#include \"bpf/watch.skel.h\"\n#include \"tolld/event.h\"\n#include <bpf/libbpf.h>\n"),
    ("user/cmd/x.c", "#include \"daemon.h\"\n#include \"api/api.h\"\n"),
    ("bpf/x.bpf.c", "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n#include \"tolld/event.h\"\n"),
    ("tests/unit/base/x.c", "void f(void) { printf(\"%g\", 1.0); }\n"),
    ("tests/helpers/x.c", "void f(void) { sleep(1); }\n"),
]


@pytest.mark.parametrize("path,text,says", BAD, ids=lambda v: v if len(v) < 40 and "\n" not in v else "")
def test_a_fault_is_found(tmp_path, path, text, says):
    found = findings(tmp_path, path, C + text)
    assert any(f[0] == path and f[2] == "error" and says in f[3] for f in found), found


@pytest.mark.parametrize("path,text", GOOD)
def test_what_only_looks_like_a_fault_is_left_alone(tmp_path, path, text):
    assert findings(tmp_path, path, C + text) == []


def test_the_line_is_the_faults_own(tmp_path):
    found = findings(tmp_path, "user/base/x.c", C + "\n/* two\n * lines */\nint f(char *a) { return atoi(a); }\n")
    assert [f[1] for f in found] == [5]


@pytest.mark.parametrize("path,text", [
    ("user/base/x.c", "int x;\n"),
    ("user/base/x.h", "#ifndef X\n"),
    ("tests/x.py", "import os\n"),
    ("tests/x", "#!/bin/sh\nset -eu\n"),
    ("Makefile", "all:\n"),
    ("user/packaging/x.service", "[Unit]\n"),
])
def test_a_file_without_a_first_comment_is_found(tmp_path, path, text):
    assert any("begins with a comment" in f[3] for f in findings(tmp_path, path, text))


def test_sizes_warn_before_they_fail(tmp_path):
    found = findings(tmp_path, "user/base/x.c", C + "int f(void)\n{\n" + "\tg();\n" * 61 + "}\n")
    assert [f[2] for f in found] == ["warning"]


@pytest.mark.parametrize("path,text", [
    ("tests/x.sh", "# A script.\nif true; then\n"),
    ("tests/x", "#!/bin/sh\n# A script.\nwhile\n"),
    ("tests/x.py", "\"\"\"A module.\"\"\"\ndef f(:\n"),
])
def test_a_script_that_does_not_parse_is_found(tmp_path, path, text):
    assert any("does not parse" in f[3] for f in findings(tmp_path, path, text))


def test_what_clang_format_would_change_is_found(tmp_path):
    style = {".clang-format": "BasedOnStyle: LLVM\n"}
    assert findings(tmp_path, "user/base/x.c", C + "int x;\n", **style) == []
    found = findings(tmp_path, "user/base/x.c", C + "int   x;\n", **style)
    assert [(f[0], f[1]) for f in found] == [("user/base/x.c", 2)]
    assert "clang-format would change this" in found[0][3]


def test_generated_headers_are_left_alone(tmp_path):
    assert findings(tmp_path, "vmlinux/vmlinux.h", "typedef   int x;  \n") == []


def test_it_exits_1_on_an_error_and_0_without(tmp_path):
    (tmp_path / "a.c").write_text(C)
    run = [sys.executable, os.path.join(HERE, "lint.py"), str(tmp_path)]
    assert subprocess.run(run, capture_output=True).returncode == 0
    (tmp_path / "b.c").write_text(C + "int x = atoi(\"1\");\n")
    r = subprocess.run(run, capture_output=True, text=True)
    assert r.returncode == 1
    assert "b.c:2: error: atoi() is banned" in r.stdout
    assert "lint: 1 errors, 0 warnings" in r.stdout
