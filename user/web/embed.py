#!/usr/bin/python3
"""Prints a C header that holds a file's bytes.

    embed.py user/web/page.js

gives `static const unsigned char page_js[]`, with a NUL behind it that does not count, and
`page_js_size`. The Makefile writes it to build/web/page.js.h.
"""
import os
import re
import sys


def header(path: str) -> str:
    with open(path, "rb") as f:
        data = f.read()
    base = os.path.basename(path)
    name = re.sub(r"[^A-Za-z0-9]", "_", base)
    guard = "TOLLD_WEB_" + name.upper()
    lines = [f"/* {base}, made by embed.py. */", f"#ifndef {guard}", f"#define {guard}",
             f"static const unsigned char {name}[] = {{"]
    for i in range(0, len(data), 20):
        lines.append("\t" + "".join(f"{b}," for b in data[i:i + 20]))
    lines += ["\t0", "};", f"enum {{ {name}_size = {len(data)} }};", "#endif", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.stdout.write(header(sys.argv[1]))
