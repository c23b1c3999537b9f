"""The machines that guests are: one row each, and everything that differs between them stands in it."""
import os
from typing import NamedTuple, Optional, Tuple

from process import ROOT


class Machine(NamedTuple):
    arch: str  # as Debian calls it
    triplet: str  # as the compiler does: where libraries lie, and what cross tools begin with
    build: str  # the Makefile's folder for it
    kernel: str  # the package whose newest version depends on the kernel itself
    suite: Optional[str]  # where that is; None: the release with its updates
    qemu: Tuple[str, ...]  # emulator, board and processor
    console: str
    results: str  # the second serial port, and the device that it is
    serial: str
    btf: bool = True  # whether the kernel knows its own types

    @property
    def native(self) -> bool:
        return self.build == "build"

    def built(self, *path: str) -> str:
        return os.path.join(ROOT, self.build, *path)


# qemu 7.2's cmpxchg16b now and then ends a 6.12 guest with a double fault in the slab allocator; without
# that instruction the kernel takes another way.
PC = Machine("amd64", "x86_64-linux-gnu", "build", "linux-image-cloud-amd64", None,
             ("qemu-system-x86_64", "-cpu", "max,-cx16"), "ttyS0", "ttyS1", "isa-serial")

MACHINES = {
    "6.1": PC,
    "6.12": PC._replace(suite="bookworm-backports"),
    # The processor of a Raspberry Pi 3.
    "6.1-arm64": Machine("arm64", "aarch64-linux-gnu", "build-arm64", "linux-image-cloud-arm64", None,
                         ("qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a53"), "ttyAMA0", "ttyS0", "pci-serial"),
    # 32 bits, and a kernel without type information, as Raspberry Pi OS has it.
    "6.1-armhf": Machine("armhf", "arm-linux-gnueabihf", "build-arm", "linux-image-armmp", None,
                         ("qemu-system-arm", "-M", "virt,highmem=off", "-cpu", "cortex-a15"),
                         "ttyAMA0", "ttyS0", "pci-serial", btf=False),
}
