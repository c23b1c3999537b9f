"""That the run under the sanitizers can fail: the program is built with them, and what they report is found."""
import subprocess

import pytest

from subject import TOLLD

FAULTS = {
    "leak": ("malloc(4242); return 0;", "4242 byte(s) leaked"),
    "overflow": ("char *p = malloc(8); p[argc + 7] = 1; free(p); return 0;", "heap-buffer-overflow"),
    "undefined": ("return 0x7fffffff + argc;", "signed integer overflow"),
}


def test_tolld_is_built_with_them():
    done = subprocess.run(["env", "ASAN_OPTIONS=help=1", TOLLD, "version"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)
    assert "Available flags for AddressSanitizer" in done.stderr
    symbols = subprocess.run(["nm", TOLLD], check=True, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True).stdout
    assert "__ubsan_handle_" in symbols


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_what_they_report_is_found(tmp_path, sanitizer_reports, fault):
    body, said = FAULTS[fault]
    source = tmp_path / "fault.c"
    source.write_text("#include <stdlib.h>\nint main(int argc, char **argv)\n{\n" + body + "\n}\n")
    options = ["-fsanitize=address,undefined", "-static-libubsan", "-fno-sanitize-recover=all"]
    subprocess.run(["gcc", *options, "-o", tmp_path / "fault", source], check=True, stdin=subprocess.DEVNULL)
    subprocess.run([tmp_path / "fault"], stdin=subprocess.DEVNULL, capture_output=True)
    assert said in sanitizer_reports.take()
