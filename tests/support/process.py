"""Processes that a test starts: each has a log, dies with the test, and is ended by its own id."""
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import json

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# A machine whose cores are shared with others is slow in bursts: patience costs nothing when all is well.
PATIENCE_S = 20.0

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


def boottime() -> float:
    """Seconds on the clock that tolld's durations run on."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# Below those that the kernel gives to connections: a port of ours must not be taken before it is listened on.
FIRST_PORT, BLOCK, BLOCKS = 12000, 200, 100
own_ports = None  # an iterator over a block that no other process of the tests has; see free_port()
own_ports_lock = threading.Lock()


def reserve_ports():
    """The ports of one block, again and again. It is ours for as long as a socket has its name."""
    for n in range(BLOCKS):
        block = (os.getpid() + n) % BLOCKS
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0tolld-test-ports-{block}")
        except OSError:
            claim.close()
            continue
        first = FIRST_PORT + block * BLOCK
        while True:
            yield from range(first, first + BLOCK)
    raise AssertionError("all ports are reserved by other tests")


def free_port() -> int:
    """One that nobody has, and that no other test is given meanwhile."""
    global own_ports
    for _ in range(BLOCK):
        # Tests have threads, and a generator runs for one at a time.
        with own_ports_lock:
            own_ports = own_ports or reserve_ports()
            port = next(own_ports)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("no port of the tests is free")


def port_is_free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def wait_until(what: str, predicate, timeout: float = PATIENCE_S, pause: float = 0.01, detail=None):
    """Polls until predicate() is true and returns its value; fails with `what`, and detail(), in words."""
    deadline = boottime() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if boottime() >= deadline:
            more = f"\n{detail()}" if detail else ""
            raise AssertionError(f"not within {timeout:g} s: {what}{more}")
        time.sleep(pause)


def let_pass(seconds) -> None:
    """Real time goes by: for what must not happen meanwhile."""
    end = boottime() + seconds
    wait_until("time passes", lambda: boottime() >= end, seconds + 5, 0.02)


class Process:
    """A program under test or beside it. Use as a context manager, or call end()."""

    def __init__(self, name, argv, cwd, log_dir=None, env=None):
        self.name = name
        self.argv = [str(a) for a in argv]
        self.cwd = str(cwd)
        self.log_path = os.path.join(str(log_dir or cwd), f"{name}.log")
        self.env = env
        self.user = self.group = None  # another user's name and group, for what must work without root
        self.child = None
        self.killed_at = None

    def start(self):
        assert self.child is None, f"{self.name} runs already"
        parent = os.getpid()

        def in_child():
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen(
                self.argv, cwd=self.cwd, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **(self.env or {})}, preexec_fn=in_child, user=self.user,
                group=self.group, extra_groups=[] if self.user else None)
        return self

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def log(self) -> str:
        try:
            with open(self.log_path, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def signal(self, sig) -> None:
        assert self.alive, f"{self.name} is gone already\n{self.log()[-4000:]}"
        self.child.send_signal(sig)

    def kill(self) -> float:
        """SIGKILL; returns the instant before it was sent. The zombie stays until end() or wait()."""
        self.killed_at = boottime()
        self.signal(signal.SIGKILL)
        return self.killed_at

    def wait(self, timeout=PATIENCE_S) -> int:
        """Waits for its end; returns the exit code, negative for a signal."""
        try:
            code = self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} has not ended within {timeout:g} s\n{self.log()[-4000:]}") from None
        self.child = None
        return code

    def end(self):
        """Ends it if it still runs; returns how it ended, as wait() does, or None where that was told before."""
        if self.child is None:
            return None
        for sig in (signal.SIGTERM, signal.SIGKILL):
            if self.child.poll() is None:
                self.child.send_signal(sig)
                try:
                    self.child.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    continue
        child, self.child = self.child, None
        return child.returncode

    def __enter__(self):
        return self if self.child else self.start()

    def __exit__(self, *_):
        self.end()

    # -- what it costs --

    def memory_bytes(self) -> dict:
        """rss, pss and private, from smaps_rollup."""
        sizes = {}
        with open(f"/proc/{self.pid}/smaps_rollup") as f:
            for line in f:
                key, _, rest = line.partition(":")
                if rest.strip().endswith("kB"):
                    sizes[key] = int(rest.split()[0]) * 1024
        return {"rss": sizes["Rss"], "pss": sizes["Pss"], "private": sizes["Private_Clean"] + sizes["Private_Dirty"]}

    def cpu_seconds(self) -> float:
        """User and system time, from schedstat where it counts nanoseconds."""
        total = 0
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/schedstat") as f:
                    total += int(f.read().split()[0])
            except FileNotFoundError:
                pass
        return total / 1e9

    def wakeups(self) -> int:
        """How often any of its threads went to sleep, and so was woken again."""
        total = 0
        for tid in os.listdir(f"/proc/{self.pid}/task"):
            try:
                with open(f"/proc/{self.pid}/task/{tid}/status") as f:
                    total += next(int(line.split()[1]) for line in f if line.startswith("voluntary_ctxt_switches"))
            except FileNotFoundError:
                pass
        return total


# -- HTTP ------------------------------------------------------------------------------------------

class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)


def http(url, method="GET", form=None, timeout=10.0, body=None, headers=None) -> Answer:
    data = body if body is not None else urllib.parse.urlencode(form, doseq=True).encode() if form else None
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=timeout) as r:
            return Answer(r.status, r.headers, r.read())
    except urllib.error.HTTPError as e:
        return Answer(e.code, e.headers, e.read())


def answers(url) -> bool:
    try:
        return http(url, timeout=2).status == 200
    except OSError:
        return False
