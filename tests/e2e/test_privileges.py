"""tolld starts as root and goes on as somebody who may do little more than look: it must see as much as before."""
import os
import pwd
import re
import stat
import subprocess
from dataclasses import replace

import pytest

from process import Process, http, wait_until
from subject import TOLLD, Timing, node_exporter, wait_for_exporter, write_settings

pytestmark = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="what tolld promises")

USER = "nobody"
DAC_READ_SEARCH, SYS_PTRACE = 2, 19
READING = 1 << DAC_READ_SEARCH | 1 << SYS_PTRACE
TIMING = Timing(hold="0s", group_wait="0s", send_resolved=True)


def statuses(pid):
    """/proc/PID/status of each thread, as dicts."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/status") as f:
            yield dict(re.findall(r"^(\w+):\s*(.*?)\s*$", f.read(), re.M))


def write_closed_settings(folder, ports, timing):
    """As an owner would leave them who minds: the settings root's alone, the password in a file of its own."""
    write_settings(folder, ports, timing)
    path, secret = folder / "alertmanager.yml", folder / "password"
    path.write_text(path.read_text().replace("smtp_auth_password: 'wwwwwwwwwwwwwwww'",
                                             f"smtp_auth_password_file: {secret}"))
    secret.write_text("wwwwwwwwwwwwwwww\n")
    secret.chmod(0o600)
    for name in ("prometheus.yml", "rules.yml", "alertmanager.yml"):
        (folder / name).chmod(0o640)


@pytest.fixture
def pins(needs_root):
    """A folder of its own on the bpffs; it is gone when tolld has ended."""
    path = f"/sys/fs/bpf/tolld-test-privileges-{os.getpid()}"
    yield path
    if os.path.isdir(path):
        for name in os.listdir(path):
            os.unlink(f"{path}/{name}")
        os.rmdir(path)


@pytest.fixture
def run(start, ports, tmp_path, mailbox, pins):
    """run(options): tolld on closed settings, as nobody unless said otherwise."""
    def go(*options, user=USER, timing=TIMING):
        write_closed_settings(tmp_path, ports, timing)
        return start(settings=False, options=["--user", user, "--watch.bpffs", pins, *options])
    return go


def metric(subject, name):
    return re.findall(rf"^{name} (\S+)$", http(subject.url + "/metrics").text, re.M)


def test_it_keeps_only_what_reading_proc_needs(run, exporter):
    subject = run()
    nobody = pwd.getpwnam(USER)
    seen = list(statuses(subject.processes[0].pid))
    assert len(seen) > 1, "each thread has its own rights: all are looked at"
    for status in seen:
        assert status["Uid"].split() == [str(nobody.pw_uid)] * 4
        assert status["Gid"].split() == [str(nobody.pw_gid)] * 4
        assert "0" not in status["Groups"].split()
        assert {name: int(status[name], 16) for name in ("CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd")} == {
            "CapEff": READING, "CapPrm": READING, "CapInh": 0, "CapAmb": 0, "CapBnd": 0}
        assert status["NoNewPrivs"] == "1"
    assert f"runs as user {USER} from now on, with CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE" in subject.log()


@pytest.mark.parametrize("backend", ["kernel", "pidfd", "poll"])
def test_each_backend_still_sees_deaths_and_starts(run, exporter, mailbox, ports, tmp_path, backend):
    # The scrape that a kill cuts short rings before the next look of poll sees why: the mail waits for that.
    subject = run("--watch.backend", backend, timing=replace(TIMING, group_wait="2s"))
    instance = f"localhost:{ports.exporter}"
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    exporter.kill()
    mail, = mailbox.wait(1, 20, subject.log)
    # The one who killed it has the name of the interpreter; only the kernel tells it.
    assert ("killed by SIGKILL from " if backend == "kernel" else "killed by SIGKILL (sender not known)") in mail.text
    exporter.wait()
    with node_exporter(tmp_path, ports.exporter) as again:
        wait_for_exporter(ports.exporter)
        wait_until("the service is seen up again", lambda: subject.up() == "1", detail=subject.log)

        def service():
            return [s for s in http(subject.url + "/api/v1/services").json()["data"]["services"]
                    if s["name"] == f"{instance} node"][0]
        wait_until("its process is found by its socket", lambda: service().get("pid") == again.pid, detail=service)
        # Root's descriptors and I/O, which nobody may look at.
        for name in ("tolld_service_open_fds", "tolld_service_io_read_bytes_total"):
            wait_until(f"{name} is told",
                       lambda: any(float(v) > 0 or "read" in name for labels, v in subject.query(name)
                                   if labels.get("instance") == instance and labels.get("job") == "node"),
                       detail=subject.log)


def test_a_reload_reads_files_that_are_root_s_alone(run, exporter, mailbox, ports, tmp_path):
    subject = run()
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    # A password that is wrong, until the reload: the mail shows that the file was read then.
    (tmp_path / "password").write_text("wrong\n")
    subject.reload()
    wait_until("the first reload", lambda: metric(subject, r'tolld_config_reloads_total{result="success"}') == ["1"],
               detail=subject.log)
    (tmp_path / "password").write_text("wwwwwwwwwwwwwwww\n")
    subject.reload()
    wait_until("the second reload", lambda: metric(subject, r'tolld_config_reloads_total{result="success"}') == ["2"],
               detail=subject.log)
    exporter.kill()
    exporter.wait()
    mailbox.wait(1, 20, subject.log)
    assert "cannot read '" not in subject.log()


def test_its_state_and_its_pins_are_its_own_and_it_removes_the_pins(run, exporter, tmp_path, pins):
    subject = run()
    if 'backend="kernel"' not in http(subject.url + "/metrics").text:
        pytest.skip("the kernel backend is not in use")
    nobody = pwd.getpwnam(USER)
    for top in (str(tmp_path / "data"), pins):
        for folder, _, files in os.walk(top):
            for path in (folder, *(os.path.join(folder, f) for f in files)):
                st = os.lstat(path)
                assert (st.st_uid, st.st_gid) == (nobody.pw_uid, nobody.pw_gid), path
                assert stat.S_IMODE(st.st_mode) & 0o077 == 0, path
    assert os.listdir(pins)
    subject.end()
    assert not os.path.isdir(pins) or os.listdir(pins) == []


def test_state_goes_from_root_to_the_user_and_back(run, exporter, tmp_path):
    for user in ("root", USER, "root", USER):
        subject = run(user=user)
        wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
        assert next(statuses(subject.processes[0].pid))["Uid"].split()[0] == str(pwd.getpwnam(user).pw_uid)
        subject.end()
        assert "level=error" not in subject.log()


def test_a_folder_with_other_things_is_not_given_away(ports, tmp_path, pins):
    write_closed_settings(tmp_path, ports, TIMING)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "letter").write_text("mine\n")
    with Process("tolld", [TOLLD, "run", "--config.file", "prometheus.yml", "--user", USER, "--storage.path", home,
                           "--watch.bpffs", pins, "--web.listen-address", f"127.0.0.1:{ports.prometheus}"],
                 tmp_path) as tolld:
        assert tolld.wait() == 1
    assert "holds other things than tolld's own" in tolld.log()
    assert os.stat(home).st_uid == 0 and os.stat(home / "letter").st_uid == 0


@pytest.mark.parametrize("user, said", [
    ("nosuchuser", "--user nosuchuser: /etc/passwd has no such user"),
    ("root", "stays root: --user says so"),
])
def test_it_says_whom_it_cannot_or_need_not_become(ports, tmp_path, exporter, pins, user, said):
    write_closed_settings(tmp_path, ports, TIMING)
    argv = [TOLLD, "run", "--config.file", "prometheus.yml", "--config.file", "alertmanager.yml", "--user", user,
            "--storage.path", tmp_path / "data", "--watch.bpffs", pins,
            "--web.listen-address", f"127.0.0.1:{ports.prometheus}"]
    with Process("tolld", argv, tmp_path) as tolld:
        wait_until("it says so", lambda: said in tolld.log(), detail=tolld.log)
        if user == "nosuchuser":
            assert tolld.wait() == 1


def test_only_root_becomes_another(ports, tmp_path, needs_root):
    write_settings(tmp_path, ports, TIMING)
    for folder in (tmp_path, *tmp_path.parents[:-2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    done = subprocess.run([TOLLD, "run", "--config.file", "prometheus.yml", "--user", "daemon",
                           "--storage.path", tmp_path / "data"], cwd=tmp_path, user=USER, group="nogroup",
                          extra_groups=[], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "--user daemon: only root becomes another user" in done.stdout + done.stderr
