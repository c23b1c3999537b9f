"""Boots a guest under emulation and reads what it says on its two serial ports."""
import os
import re

from process import Process, wait_until

QEMU = "qemu-system-x86_64"


class Guest:
    """The first serial port is the console, the second carries results: lines of the test in the guest."""

    def __init__(self, folder, kernel, initrd, append, disk=None, memory_mb=512):
        self.folder = str(folder)
        self.console_path = os.path.join(self.folder, "console.log")
        self.result_path = os.path.join(self.folder, "result.log")
        # qemu 7.2's cmpxchg16b now and then ends a 6.12 guest with a double fault in the slab allocator; without
        # that instruction the kernel takes another way.
        argv = [QEMU, "-accel", "tcg", "-cpu", "max,-cx16", "-m", str(memory_mb), "-nographic", "-no-reboot", "-nodefaults",
                "-kernel", kernel, "-initrd", initrd,
                # quiet: at TCG's speed every console line costs milliseconds.
                "-append", f"console=ttyS0 quiet loglevel=4 panic=-1 {append}",
                "-serial", f"file:{self.console_path}", "-serial", f"file:{self.result_path}",
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
        return dict(re.findall(r"^([a-z_]+): (.*)$", self.results(), re.M))
