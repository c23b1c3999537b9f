"""Makes what a guest boots: Debian's kernels, an initramfs, and a Debian root with systemd.

Everything lies in build/guest/ and is made again only when what it is made of changes. Packages are
fetched and unpacked, never installed on this machine; kernels that Debian 12 itself lacks come from
its backports through a sources file of our own, which the machine's apt never sees.

An initramfs holds busybox, the modules to reach a disk, and a payload: a tree that is either run
where it is (a kernel test) or copied over the root before systemd starts (a systemd test).
"""
import fcntl
import glob
import hashlib
import lzma
import os
import re
import shutil
import subprocess

from process import ROOT

CACHE = os.path.join(ROOT, "build", "guest")
RELEASE = "bookworm"
# The suite that a kernel of that series comes from; None: the machine's own sources.
KERNELS = {"6.1": None, "6.12": RELEASE + "-backports"}
# What the initramfs needs to reach the root, and what a real machine would load by itself when somebody asks
# who listens (the guest's root has no /lib/modules). Dependencies are resolved.
MODULES = ("virtio_pci", "virtio_blk", "ext4", "virtio_rng", "tcp_diag")
# What tolld links to, and what the scenario in the guest uses.
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "kmod", "procps", "openssl", "ca-certificates", "bpftool",
    "libbpf1", "libelf1", "zlib1g", "libcurl3-gnutls", "libmicrohttpd12", "libjansson4", "libyaml-0-2",
    "libpcre2-8-0", "libsqlite3-0", "libsystemd0",
    "prometheus-node-exporter", "python3", "python3-aiosmtpd",
)
ROOT_DISK_MB = 768
INIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "init")


def run(*command, **kw):
    return subprocess.run([str(c) for c in command], check=True, stdin=subprocess.DEVNULL,
                          stdout=kw.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, **kw)


class cached:
    """`with cached(name, *inputs) as c: if c.stale: make c.path`. One maker at a time; a half-made one never counts."""

    def __init__(self, name, *inputs):
        os.makedirs(CACHE, exist_ok=True)
        self.path = os.path.join(CACHE, name)
        self.key = hashlib.sha256(repr(inputs).encode()).hexdigest()
        self.stamp = self.path + ".key"

    def __enter__(self):
        self.lock = open(self.path + ".lock", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        try:
            with open(self.stamp) as f:
                self.stale = f.read() != self.key or not os.path.exists(self.path)
        except FileNotFoundError:
            self.stale = True
        if self.stale:
            if os.path.exists(self.stamp):
                os.unlink(self.stamp)
            shutil.rmtree(self.path, ignore_errors=True)
            if os.path.exists(self.path):
                os.unlink(self.path)
        return self

    def __exit__(self, kind, *_):
        if self.stale and kind is None:
            with open(self.stamp, "w") as f:
                f.write(self.key)
        self.lock.close()


# -- kernels ---------------------------------------------------------------------------------------

def apt_options(source):
    """Options that show apt one source and none of the machine's, with lists of its own."""
    if source is None:
        return []
    place = os.path.join(CACHE, "apt-" + hashlib.sha256(source.encode()).hexdigest()[:8])
    os.makedirs(os.path.join(place, "lists", "partial"), exist_ok=True)
    sources = os.path.join(place, "sources.list")
    with open(sources, "w") as f:
        f.write(source + "\n")
    return ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-",
            "-o", f"Dir::State::lists={place}/lists", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]


def kernel_package(options):
    """The newest package that holds a cloud kernel; the name says which version."""
    text = run("apt-cache", *options, "depends", "linux-image-cloud-amd64").stdout.decode()
    names = re.findall(r"Depends: (linux-image-\S+-cloud-amd64)", text)
    assert names, f"no cloud kernel in the package lists:\n{text}"
    return names[0]


def kernel(series):
    """The folder of an unpacked kernel of that series: boot/vmlinuz-* and lib/modules/*."""
    with cached(f"kernel-{series}", series, KERNELS[series]) as c:
        if c.stale:
            suite = KERNELS[series]
            options = apt_options(suite and f"deb {mirrors()[RELEASE]} {suite} main")
            try:
                package = kernel_package(options)
            except (AssertionError, subprocess.CalledProcessError):
                run("apt-get", *options, "-q", "update")
                package = kernel_package(options)
            os.makedirs(c.path)
            run("apt-get", *options, "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=c.path)
            deb, = glob.glob(os.path.join(c.path, "*.deb"))
            run("dpkg-deb", "-x", deb, c.path)
            os.unlink(deb)
            version, = os.listdir(os.path.join(c.path, "lib/modules"))
            run("busybox", "depmod", "-b", c.path, version)
        return c.path


def vmlinuz(folder):
    return glob.glob(os.path.join(folder, "boot/vmlinuz-*"))[0]


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

def copy_program(program, tree, where="bin"):
    """A program into a tree, with the shared libraries that it asks for."""
    target = os.path.join(tree, where, os.path.basename(program))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(program, target)
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    for library in re.findall(r"(/\S+) \(0x", listed.stdout):
        copy = tree + library
        if not os.path.exists(copy):
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            shutil.copy2(os.path.realpath(library), copy)
    return target


def copy_library(name, tree):
    """A library that is loaded by name, later, and so is not among those that ldd tells."""
    listed = run("ldconfig", "-p").stdout.decode()
    path = re.search(rf"{re.escape(name)} \(libc6,x86-64\) => (\S+)", listed).group(1)
    os.makedirs(tree + os.path.dirname(path), exist_ok=True)
    shutil.copy2(os.path.realpath(path), tree + path)


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


def initramfs(folder, payload, path, init):
    """busybox, the kernel's modules, the script `init`, and `payload`'s tree under /payload."""
    tree = path + ".tree"
    shutil.rmtree(tree, ignore_errors=True)
    os.makedirs(os.path.join(tree, "bin"))
    os.makedirs(os.path.join(tree, "modules"))
    shutil.copy2("/bin/busybox", os.path.join(tree, "bin/busybox"))
    with open(os.path.join(tree, "modules/order"), "w") as order:
        for file in module_files(folder, MODULES):
            name = os.path.basename(file).removesuffix(".xz")
            with open(file, "rb") as f, open(os.path.join(tree, "modules", name), "wb") as out:
                # busybox's insmod hands the kernel the file as it is.
                out.write(lzma.decompress(f.read()) if file.endswith(".xz") else f.read())
            order.write(name + "\n")
    shutil.copytree(payload, os.path.join(tree, "payload"), symlinks=True)
    shutil.copy2(init, os.path.join(tree, "init"))
    os.chmod(os.path.join(tree, "init"), 0o755)
    pack(tree, path)
    shutil.rmtree(tree)
    return path


def mirrors():
    """Where this machine gets its packages, by suite: guests are made from the same places."""
    lines = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.splitlines()
    found = {suite: uri.rstrip("/") for uri, suite in (line.split(None, 1) for line in lines if " " in line)}
    if RELEASE not in found:
        raise RuntimeError(f"this machine's apt sources have no {RELEASE}: run apt-get update")
    return found


def root_disk():
    """A raw ext4 image of a Debian 12 with systemd; boots are made on a copy in memory, so it stays as it is."""
    sources = [f"deb {uri} {suite} main" for suite, uri in sorted(mirrors().items()) if suite.startswith(RELEASE)]
    with cached("root.img", PACKAGES, ROOT_DISK_MB, sources) as c:
        if c.stale:
            tree = os.path.join(CACHE, "root.tree")
            shutil.rmtree(tree, ignore_errors=True)
            run("mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(PACKAGES),
                '--aptopt=APT::Install-Recommends "false"', "--dpkgopt=path-exclude=/usr/share/doc/*",
                "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
                RELEASE, tree, *sources)
            with open(c.path, "wb") as f:
                f.truncate(ROOT_DISK_MB << 20)
            run("mke2fs", "-q", "-t", "ext4", "-F", "-O", "^has_journal", "-d", tree, c.path)
            shutil.rmtree(tree)
        return c.path
