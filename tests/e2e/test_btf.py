"""--watch.btf: the backend kernel where the kernel does not say its own types, and files that do not help it."""
import json
import os
import shutil
import subprocess

import pytest

from process import ROOT, http, wait_until
from subject import Timing, Tolld, as_nobody, node_exporter, wait_for_exporter, write_settings

OWN_TYPES = "/sys/kernel/btf/vmlinux"
BPFTOOL = shutil.which("bpftool", path=os.environ["PATH"] + ":/usr/sbin")
PROGRAMS = os.path.join(ROOT, "build/bpf/tolld_raw.bpf.o")
TIMING = Timing(hold="0s", group_wait="0s", send_resolved=True)

pytestmark = [
    pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises"),
    pytest.mark.skipif(not os.path.exists(OWN_TYPES), reason="SKIPPED: this kernel does not say its types"),
]


def on_a_kernel_without_types(subject):
    """For it and nobody else there is nothing in the folder where kernels say them."""
    process = subject.processes[0]
    process.argv = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh",
                    *process.argv]


@pytest.fixture
def prepared(ports, tmp_path, mailbox, needs_root):
    """prepared(options): tolld as nobody, not started yet."""
    def go(*options, timing=TIMING):
        write_settings(tmp_path, ports, timing)
        return Tolld(tmp_path, ports, ["--user", "nobody", *options])
    return go


def all_types(to):
    shutil.copyfile(OWN_TYPES, to)


def those_that_are_needed(to):
    subprocess.run([BPFTOOL, "gen", "min_core_btf", OWN_TYPES, to, PROGRAMS], check=True, stdin=subprocess.DEVNULL)


def backend(subject):
    line, = [l for l in http(subject.url + "/metrics").text.splitlines() if l.startswith("tolld_backend_info{")]
    return line


@pytest.mark.parametrize("make", [all_types, those_that_are_needed])
def test_a_file_of_types_is_as_good_as_the_kernel_s_own(prepared, exporter, mailbox, ports, tmp_path, make):
    types = tmp_path / "types.btf"
    make(types)
    types.chmod(0o600)  # read before the rights are given up
    subject = prepared("--watch.backend", "kernel", "--watch.btf", str(types))
    on_a_kernel_without_types(subject)
    instance = f"localhost:{ports.exporter}"

    def service():
        return [s for s in http(subject.url + "/api/v1/services").json()["data"]["services"]
                if s["name"] == f"{instance} node"][0]

    with subject:
        wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
        assert 'backend="kernel"' in backend(subject) and str(types) in backend(subject)
        assert "though it has its own" not in backend(subject)
        wait_until("its process is known", lambda: service().get("pid") == exporter.pid, detail=service)
        shown = subprocess.run([BPFTOOL, "-j", "map", "dump", "pinned", subject.pins + "/processes"], check=True,
                               stdin=subprocess.DEVNULL, capture_output=True, text=True)
        entry, = [e["formatted"]["value"] for e in json.loads(shown.stdout)
                  if e["formatted"]["key"]["pid"] == exporter.pid]
        assert entry["role"] == "IS_WATCHED" and entry["start_boottime_ns"] > 0
        exporter.kill()
        exporter.wait()
        mail, = mailbox.wait(1, 20, subject.log)
        assert "killed by SIGKILL from " in mail.text and "uid 0" in mail.text
        with node_exporter(tmp_path, ports.exporter) as again:
            wait_for_exporter(ports.exporter)
            wait_until("its successor is found", lambda: service().get("pid") == again.pid, detail=service)
            wait_until("what it uses is told",
                       lambda: [float(v) for labels, v in subject.query("tolld_service_open_fds")
                                if labels.get("instance") == instance and float(v) > 0],
                       detail=subject.log)


def test_without_a_file_the_next_backend_says_what_would_help(prepared, exporter, ports):
    subject = prepared()
    on_a_kernel_without_types(subject)
    with subject:
        assert 'backend="pidfd"' in backend(subject)
        assert "not kernel: this kernel has no type information" in subject.log() and "--watch.btf" in subject.log()


@pytest.mark.parametrize("content, says", [
    (None, "No such file or directory; name a file with the types of this kernel"),
    (b"", "holds no types; it takes BTF as pahole and bpftool write it, unpacked"),
    (b"\xfd7zXZ\x00\x00\x04", "holds no types; it takes BTF as pahole and bpftool write it, unpacked"),
])
def test_a_file_that_does_not_help_is_told(prepared, exporter, tmp_path, content, says):
    types = tmp_path / "types.btf"
    if content is not None:
        types.write_bytes(content)
    subject = prepared("--watch.backend", "kernel", "--watch.btf", str(types))
    subject.start(ready=False)
    assert subject.processes[0].wait(10) == 1
    line, = [l for l in subject.log().splitlines() if "--watch.backend: " in l]
    assert f"--watch.btf {types}" in line and says in line

    # Whoever asked for no backend gets the next one.
    os.truncate(subject.processes[0].log_path, 0)
    subject = prepared("--watch.btf", str(types))
    with subject:
        assert 'backend="pidfd"' in backend(subject)
        assert f"not kernel: --watch.btf {types}" in subject.log() and says in subject.log()


def test_a_file_named_by_nothing_is_refused(tmp_path):
    done = subprocess.run([os.path.join(ROOT, "build/tolld"), "run", "--watch.btf", ""], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and "--watch.btf '': it is a path" in done.stderr


def test_without_rights_the_file_is_not_blamed(prepared, exporter, tmp_path):
    types = tmp_path / "types.btf"
    all_types(types)
    types.chmod(0o644)
    subject = prepared("--watch.btf", str(types))
    as_nobody(subject)
    with subject:
        assert "not kernel: loading eBPF programs is not allowed; run as root" in subject.log()
