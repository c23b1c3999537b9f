"""Things that are made once: they lie in build/guest/, and are made again when what they are made of changes."""
import fcntl
import hashlib
import os
import shutil
import subprocess

from process import ROOT

CACHE = os.path.join(ROOT, "build", "guest")


def run(*command, check=True, **kw):
    """A command with its output kept; one that fails says why."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                          stdout=kw.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, **kw)
    if check and done.returncode:
        error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
        error.add_note(done.stderr.decode("utf-8", "replace")[-4000:])
        raise error
    return done


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
