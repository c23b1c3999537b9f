"""Makes what a guest boots: an initramfs, and a Debian root with systemd.

An initramfs holds busybox, the modules to reach a disk, and a payload: a tree that is either run
where it is (a kernel test) or copied over the root before systemd starts (a systemd test).
"""
import glob
import lzma
import os
import re
import shutil
import subprocess

from cache import CACHE, cached, run
from debian import RELEASE, kernel, sources, sysroot

# What the initramfs needs to reach the root, and what a real machine would load by itself when somebody asks
# who listens (the guest's root has no /lib/modules). Dependencies are resolved.
MODULES = ("virtio_pci", "virtio_blk", "ext4", "virtio_rng", "tcp_diag", "loop")
# What tolld links to, and what the scenario in the guest uses.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "kmod", "procps", "openssl", "ca-certificates", "bpftool",
    "libbpf1", "libelf1", "zlib1g", "libcurl3-gnutls", "libmicrohttpd12", "libjansson4", "libyaml-0-2",
    "libpcre2-8-0", "libsqlite3-0", "libsystemd0",
    "prometheus-node-exporter", "python3", "python3-aiosmtpd",
)
ROOT_DISK_MB = 768
INIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "init")


# -- kernels ---------------------------------------------------------------------------------------

def vmlinuz(machine):
    return glob.glob(os.path.join(kernel(machine), "boot/vmlinuz-*"))[0]


def module_files(folder, names):
    """The .ko files of the named modules with all they depend on, in an order that loads."""
    base, = glob.glob(os.path.join(folder, "lib/modules/*"))
    depends = {}
    with open(os.path.join(base, "modules.dep")) as f:
        for line in f:
            path, _, needs = line.strip().partition(":")
            depends[path] = needs.split()
    with open(os.path.join(base, "modules.builtin")) as f:
        builtin = f.read().replace("-", "_")
    by_name = {os.path.basename(p).split(".ko")[0].replace("-", "_"): p for p in depends}
    order = []

    def add(path):
        for need in depends[path]:
            add(need)
        if path not in order:
            order.append(path)

    # ext4's checksums come through the crypto API, which modules.dep does not tell.
    for name in ("crc32c_generic", *names):
        if name in by_name:
            add(by_name[name])
        elif f"/{name}.ko" not in builtin and name != "crc32c_generic":
            raise AssertionError(f"the kernel has no module {name}")
    return [os.path.join(base, p) for p in order]


# -- trees -----------------------------------------------------------------------------------------

class Libraries:
    """The shared libraries of a machine, which programs that go into a tree ask for."""

    def __init__(self, machine):
        root = sysroot(machine)
        self.folders = [os.path.join(root, where, machine.triplet) for where in ("lib", "usr/lib")]
        # ld.so, and where it looks, on every Debian.
        self.target = os.path.join("lib", machine.triplet)

    def find(self, name):
        for folder in self.folders:
            path = os.path.join(folder, name)
            if os.path.exists(path):
                return path
        raise LookupError(f"no {name} in {self.folders}")

    def copy(self, name, tree):
        """One library and what it asks for in turn. Some are loaded by name, later: those are to be named."""
        copy = os.path.join(tree, self.target, name)
        if not os.path.exists(copy):
            source = self.find(name)
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(os.path.realpath(source), copy)
            self.copy_needed(source, tree)

    def copy_needed(self, program, tree):
        told = run("readelf", "--wide", "--dynamic", "--program-headers", program).stdout.decode()
        for name in re.findall(r"\(NEEDED\).*\[(.*)\]", told):
            self.copy(name, tree)
        for loader in re.findall(r"Requesting program interpreter: (.*)\]", told):
            os.makedirs(tree + os.path.dirname(loader), exist_ok=True)
            shutil.copy2(os.path.realpath(self.find(os.path.basename(loader))), tree + loader)

    def copy_program(self, program, tree, where="bin"):
        target = os.path.join(tree, where, os.path.basename(program))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy2(program, target)
        self.copy_needed(program, tree)


def pack(tree, path):
    """A tree as an initramfs."""
    with open(path + ".part", "wb") as out:
        find = subprocess.Popen(["find", ".", "-print0"], cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        cpio = subprocess.Popen(["cpio", "--null", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=tree,
                                stdin=find.stdout, stdout=subprocess.PIPE)
        gzip = subprocess.Popen(["gzip", "-1"], stdin=cpio.stdout, stdout=out)
        find.stdout.close()
        cpio.stdout.close()
        assert [p.wait() for p in (gzip, cpio, find)] == [0, 0, 0]
    os.rename(path + ".part", path)


def initramfs(machine, payload, path):
    """busybox, the kernel's modules, the script `init`, and `payload`'s tree under /payload."""
    folder = kernel(machine)
    tree = path + ".tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "bin"))
    os.makedirs(os.path.join(tree, "modules"))
    shutil.copy2(os.path.join(sysroot(machine), "bin/busybox"), os.path.join(tree, "bin/busybox"))
    with open(os.path.join(tree, "modules/order"), "w") as order:
        for file in module_files(folder, MODULES):
            name = os.path.basename(file).removesuffix(".xz")
            with open(file, "rb") as f, open(os.path.join(tree, "modules", name), "wb") as out:
                # busybox's insmod hands the kernel the file as it is.
                out.write(lzma.decompress(f.read()) if file.endswith(".xz") else f.read())
            order.write(name + "\n")
    shutil.copytree(payload, os.path.join(tree, "payload"), symlinks=True)
    shutil.copy2(INIT, os.path.join(tree, "init"))
    os.chmod(os.path.join(tree, "init"), 0o755)
    pack(tree, path)
    shutil.rmtree(tree)
    return path


def root_disk():
    """A raw ext4 image of a Debian 12 with systemd; boots are made on a copy in memory, so it stays as it is."""
    with cached("root.img", PACKAGES, ROOT_DISK_MB, sources()) as c:
        if c.stale:
            tree = os.path.join(CACHE, "root.tree")
            shutil.rmtree(tree, ignore_errors=True)
            run("mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(PACKAGES),
                '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
                RELEASE, tree, *sources())
            with open(c.path, "wb") as f:
                f.truncate(ROOT_DISK_MB << 20)
            run("mke2fs", "-q", "-t", "ext4", "-F", "-O", "^has_journal", "-d", tree, c.path)
            shutil.rmtree(tree)
        return c.path
