"""Boots a guest under emulation and reads what it says on its two serial ports."""
import os
import re

from process import Process, wait_until


class Guest:
    """The first serial port is the console, the second carries results: lines of the test in the guest."""

    def __init__(self, folder, name, machine, kernel, initrd, append, disk=None, memory_mb=512):
        self.folder = str(folder)
        # Where tests/run asks for it, they outlive the test.
        logs = os.environ.get("TOLLD_LOGS", self.folder)
        os.makedirs(logs, exist_ok=True)
        self.console_path = os.path.join(logs, f"{name}.console.log")
        self.result_path = os.path.join(logs, f"{name}.result.log")
        argv = [*machine.qemu, "-accel", "tcg", "-m", str(memory_mb), "-nographic", "-no-reboot", "-nodefaults",
                "-kernel", kernel, "-initrd", initrd,
                # quiet: at TCG's speed every console line costs milliseconds.
                "-append", f"console={machine.console} quiet loglevel=4 panic=-1 results={machine.results} {append}",
                "-serial", f"file:{self.console_path}",
                "-chardev", f"file,id=results,path={self.result_path}", "-device", f"{machine.serial},chardev=results",
                "-device", "virtio-rng-pci"]
        if disk:
            # snapshot=on: what the guest writes goes to a file that is already unlinked.
            argv += ["-drive", f"file={disk},format=raw,if=virtio,snapshot=on,cache=unsafe"]
        self.process = Process("qemu", argv, self.folder)

    def run(self, timeout):
        """Boots, waits for the power-off, returns the results' text."""
        with self.process:
            wait_until("the guest powers off", lambda: not self.process.alive, timeout, 0.1, self.tail)
        return self.results()

    @staticmethod
    def _read(path):
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                return f.read().replace("\r", "")
        except FileNotFoundError:
            return ""

    def results(self):
        return self._read(self.result_path)

    def console(self):
        return self._read(self.console_path)

    def tail(self):
        return (f"--- results\n{self.results()[-6000:]}\n--- console\n{self.console()[-6000:]}\n"
                f"--- qemu\n{self.process.log()[-2000:]}")

    def values(self):
        """The result lines `key: value` as a dict."""
        return dict(re.findall(r"^([a-z_.]+): (.*)$", self.results(), re.M))
