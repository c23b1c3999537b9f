"""The same tests with the tolld of `make SAN=address,undefined`: TOLLD_SAN=1 asks for it.

A sanitizer writes each report to a file of its own, so that none is missed whoever reads the program's
output, whatever its exit code, and however the test ends. A report found after a test fails that test.
Leaks are looked for when a program ends by itself: who has to be killed for it fails as well.
"""
import glob
import os
import shutil
import tempfile

ON = bool(os.environ.get("TOLLD_SAN"))
BUILD = "build-san" if ON else "build"


class Reports:
    """Where sanitizers write. Anybody may: some programs under test are no longer root."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="tolld-san-")
        os.chmod(self.folder, 0o1777)

    def environment(self) -> dict:
        path = os.path.join(self.folder, "report")
        return {
            "ASAN_OPTIONS": f"log_path={path}:exitcode=99:detect_leaks=1:detect_stack_use_after_return=1:"
                            "strict_string_checks=1:strict_init_order=1:check_initialization_order=1",
            "UBSAN_OPTIONS": f"log_path={path}:print_stacktrace=1",
            "LSAN_OPTIONS": f"log_path={path}",
        }

    def take(self) -> str:
        """What was reported since the last call."""
        found = []
        for path in sorted(glob.glob(os.path.join(self.folder, "report*"))):
            with open(path, encoding="utf-8", errors="replace") as f:
                found.append(f.read())
            os.unlink(path)
        return "\n".join(found)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
