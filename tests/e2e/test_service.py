"""tolld as a service: signals, reloads, what it leaves behind, what an operator sees."""
import json
import os
import resource
import signal
import subprocess

import pytest

from process import answers, boottime, free_port, http, wait_until
from subject import TOLLD, Timing, Tolld, as_nobody, dies, write_settings

tolld_only = pytest.mark.skipif("config.getoption('--subject') == 'peers'", reason="only tolld does this")


def rule_names(subject):
    groups = http(subject.url + "/api/v1/rules").json()["data"]["groups"]
    return [r["name"] for g in groups for r in g["rules"]]


MORE = """\
    - alert: AlsoThere
      expr: vector(0) > 1
"""


@pytest.mark.parametrize("how", ["SIGHUP", "POST"])
def test_a_reload_takes_new_rules(start, ports, tmp_path, exporter, how):
    subject = start(options=["--web.enable-lifecycle"] if how == "POST" else [])
    assert rule_names(subject) == ["InstanceDown"]
    write_settings(tmp_path, ports, Timing(rules=MORE))
    if how == "SIGHUP":
        subject.reload()
    else:
        assert http(subject.url + "/-/reload", "POST").status == 200
    wait_until("the new rule is there", lambda: rule_names(subject) == ["InstanceDown", "AlsoThere"], 5,
               detail=subject.log)


def test_a_reload_of_a_faulty_file_keeps_the_old_settings_and_says_where(start, tmp_path, exporter):
    subject = start()
    (tmp_path / "rules.yml").write_text("groups:\n- name: a\n  rules:\n  - alert: Bad\n    expr: rats(up[5m])\n")
    subject.reload()
    wait_until("the fault is told", lambda: "rules.yml" in subject.log() and "rats" in subject.log(), 5,
               detail=subject.log)
    assert rule_names(subject) == ["InstanceDown"]
    assert answers(subject.url + "/-/healthy")
    if subject.name == "tolld":
        assert "rules.yml:5" in subject.log()


def test_a_reload_over_http_is_refused_unless_allowed(start, exporter):
    subject = start()
    assert http(subject.url + "/-/reload", "POST").status == 403


def test_a_pending_alert_survives_a_reload(start, exporter, mailbox):
    subject = start(Timing(hold="4s"))
    died = dies(subject, exporter)
    wait_until("the alert is pending", lambda: [a for a in subject.alerts() if a["state"] == "pending"],
               detail=subject.log)
    wait_until("most of its time has passed", lambda: boottime() - died >= 3)
    subject.reload()
    mail, = mailbox.wait(1, 20, subject.log)
    # Begun anew it would be 8.
    if subject.name == "tolld":
        assert 5.0 <= mail.accepted - died <= 7.5


@tolld_only
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_a_second_and_unpins_its_maps(start, exporter, needs_root, sig):
    subject = start()
    process, = subject.processes
    took = []
    # A busy machine may hold up one end, not each.
    while not took or (min(took) >= 1.0 and len(took) < 10):
        if took:
            subject.start()
        pinned = os.path.isdir(subject.pins) and os.listdir(subject.pins)
        if "kernel" in backend(subject):
            assert pinned
        asked = boottime()
        process.signal(sig)
        assert process.wait(20) == 0, process.log()
        took.append(boottime() - asked)
        assert not os.path.isdir(subject.pins) or os.listdir(subject.pins) == []
    assert min(took) < 1.0, took


def backend(subject):
    line, = [l for l in http(subject.url + "/metrics").text.splitlines() if l.startswith("tolld_backend_info{")]
    return line


@tolld_only
def test_bpftool_shows_the_watched_service(start, exporter, needs_root):
    subject = start()
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    if 'kernel' not in backend(subject):
        pytest.skip("the kernel backend is not in use: " + backend(subject))
    dumps = {}
    for name in os.listdir(subject.pins):
        done = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", f"{subject.pins}/{name}"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0:
            dumps[name] = json.loads(done.stdout)
    assert any(f'"{exporter.pid}"' in json.dumps(d) or f": {exporter.pid}" in json.dumps(d)
               for d in dumps.values()), dumps


@tolld_only
def test_pinned_maps_are_for_root_only(start, exporter, needs_root):
    subject = start()
    if not os.path.isdir(subject.pins):
        pytest.skip("nothing is pinned: the kernel backend is not in use")
    assert os.stat(subject.pins).st_mode & 0o777 == 0o700
    for name in os.listdir(subject.pins):
        assert os.stat(f"{subject.pins}/{name}").st_mode & 0o777 == 0o600


@tolld_only
@pytest.fixture
def launch(tmp_path):
    """tolld as a script would start it, with the shell's words before it; the settings come through a pipe."""
    children = []

    def begin(words):
        port = free_port()
        child = subprocess.Popen(
            ["sh", "-c", f'{words}; exec "$0" "$@"', TOLLD, "run", "--config.file=/dev/fd/3", f"--storage.path={tmp_path}/data",
             f"--web.listen-address=127.0.0.1:{port}", "--watch.bpffs="],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        children.append(child)
        child.url = f"http://127.0.0.1:{port}"
        return child

    yield begin
    for child in children:
        child.stdin.close()
        child.terminate()
        assert child.wait(10) == 0


def give_settings(child):
    child.stdin.write(b"global: {}\n")
    child.stdin.close()
    wait_until("it is ready", lambda: child.poll() is not None or answers(child.url + "/-/ready"))
    assert child.poll() is None


def test_whose_standard_descriptors_are_closed_writes_into_nothing_else(launch):
    child = launch("exec 3<&0 0<&- 1>&- 2>&-")
    give_settings(child)
    assert [os.readlink(f"/proc/{child.pid}/fd/{n}") for n in range(3)] == ["/dev/null"] * 3


def test_it_takes_as_many_descriptors_as_it_may(launch):
    child = launch("exec 3<&0; ulimit -S -n 64")
    give_settings(child)
    soft, hard = resource.prlimit(child.pid, resource.RLIMIT_NOFILE)
    assert soft == hard


def test_who_asks_for_a_reload_while_it_starts_does_not_end_it(launch):
    child = launch("exec 3<&0")
    folder = f"/proc/{child.pid}/fd"
    pipe = os.readlink(folder + "/0")
    wait_until("it waits for its settings", lambda: [os.readlink(f"{folder}/{n}") for n in os.listdir(folder)].count(pipe) > 2)
    child.send_signal(signal.SIGHUP)
    give_settings(child)


def test_a_kill_leaves_nothing_that_hinders_the_next_start(start, exporter, mailbox, needs_root):
    subject = start()
    subject.kill()
    subject.start()
    dies(subject, exporter)
    mailbox.wait(1, 20, subject.log)


@tolld_only
@pytest.mark.parametrize("name", ["kernel", "pidfd", "poll"])
def test_each_backend_brings_the_mail(start, exporter, mailbox, ports, needs_root, name):
    subject = start(options=["--watch.backend", name])
    wait_until("the service is seen up", lambda: subject.up() == "1", detail=subject.log)
    assert f'backend="{name}"' in backend(subject)
    exporter.kill()
    exporter.wait()
    mail, = mailbox.wait(1, 20, subject.log)
    assert mail.subject == f"[FIRING:1] InstanceDown (localhost:{ports.exporter} node)"


@tolld_only
def test_without_root_it_falls_back_says_why_and_still_alarms(ports, tmp_path, exporter, mailbox, needs_root):
    write_settings(tmp_path, ports, Timing())
    subject = Tolld(tmp_path, ports)
    as_nobody(subject)
    with subject:
        assert "not kernel: " in subject.log() and "eBPF" in subject.log() and "root" in subject.log()
        assert 'backend="pidfd"' in backend(subject)
        dies(subject, exporter)
        mailbox.wait(1, 20, subject.log)
