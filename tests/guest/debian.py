"""Debian's packages for guests: kernels, and the libraries that a foreign build needs.

They are fetched and unpacked, never installed; what this machine's apt lacks (another architecture,
the backports) comes through settings and lists of our own, which the machine's apt never sees.
"""
import glob
import hashlib
import os
import re
import subprocess

from cache import CACHE, cached, run
from process import ROOT

RELEASE = "bookworm"


def mirrors():
    """Where this machine gets its packages, by suite: guests are made from the same places."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.splitlines()
    found = {suite: uri.rstrip("/") for uri, suite in (line.split(None, 1) for line in lines if " " in line)}
    if RELEASE not in found:
        raise RuntimeError(f"this machine's apt sources have no {RELEASE}: run apt-get update")
    return found


def sources():
    """The release with its updates, as lines of a sources.list."""
    return [f"deb {uri} {suite} main" for suite, uri in sorted(mirrors().items())
            if suite.startswith(RELEASE) and "backports" not in suite]


class Apt:
    """apt with one architecture and lists of its own, and nothing installed as far as it knows."""

    def __init__(self, arch, suite=None):
        lines = sources() if suite is None else [f"deb {mirrors()[RELEASE]} {suite} main"]
        key = hashlib.sha256(repr((arch, lines)).encode()).hexdigest()[:8]
        self.folder = os.path.join(CACHE, f"apt-{arch}-{key}")
        for name in ("lists/partial", "archives/partial"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        with open(os.path.join(self.folder, "sources.list"), "w") as f:
            f.write("\n".join(lines) + "\n")
        open(os.path.join(self.folder, "status"), "a").close()
        self.options = [f"APT::Architecture={arch}", f"APT::Architectures::={arch}", "APT::Sandbox::User=root",
                        f"Dir::State={self.folder}", f"Dir::State::status={self.folder}/status",
                        f"Dir::State::lists={self.folder}/lists", f"Dir::Cache={self.folder}",
                        f"Dir::Cache::archives={self.folder}/archives", "Dir::Etc::sourceparts=-",
                        f"Dir::Etc::sourcelist={self.folder}/sources.list"]

    def run(self, tool, *args, **kw):
        return run(tool, *[a for o in self.options for a in ("-o", o)], "-q", *args, **kw)

    def fresh(self, attempt):
        """attempt() with the lists that are here, and where it fails with new ones."""
        try:
            return attempt()
        except (LookupError, subprocess.CalledProcessError):
            # A mirror that is being filled lacks some index now and then: what came is what there is.
            self.run("apt-get", "update", check=False)
            return attempt()

    def dependency(self, package, pattern):
        text = self.run("apt-cache", "depends", package).stdout.decode()
        names = re.findall(rf"Depends: ({pattern})", text)
        if not names:
            raise LookupError(f"{package} depends on no {pattern}:\n{text}")
        return names[0]

    def unpack(self, tree, *packages, alone=False):
        """The packages and all that they depend on, or they alone, unpacked into a folder."""
        what = ["download"] if alone else ["install", "--download-only", "--yes", "--no-install-recommends"]
        place = os.path.join(self.folder, "alone") if alone else os.path.join(self.folder, "archives")
        os.makedirs(place, exist_ok=True)
        self.run("apt-get", *what, *packages, cwd=place)
        for deb in glob.glob(os.path.join(place, "*.deb")):
            run("dpkg-deb", "-x", deb, tree)
            os.unlink(deb)


def kernel(machine):
    """The folder of an unpacked kernel: boot/vmlinuz-* and lib/modules/*."""
    with cached(f"kernel-{machine.kernel}-{machine.suite or RELEASE}") as c:
        if c.stale:
            apt = Apt(machine.arch, machine.suite)
            os.makedirs(c.path)
            apt.fresh(lambda: apt.unpack(c.path, apt.dependency(machine.kernel, r"linux-image-\d\S+"), alone=True))
            version, = os.listdir(os.path.join(c.path, "lib/modules"))
            run("busybox", "depmod", "-b", c.path, version)
        return c.path


def sysroot(machine):
    """What the programs of another machine are built with, and the libraries that they run with there."""
    if machine.native:
        return "/"
    with open(os.path.join(ROOT, "tests/packages.mk")) as f:
        packages = sorted(set(re.findall(r"\S+-dev\b", re.sub(r"#.*", "", f.read()))))
    with cached(f"sysroot-{machine.arch}", packages) as c:
        if c.stale:
            apt = Apt(machine.arch)
            os.makedirs(c.path)
            apt.fresh(lambda: apt.unpack(c.path, *packages, "busybox-static"))
        return c.path
