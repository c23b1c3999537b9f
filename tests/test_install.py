"""`make install`: root puts things in place, and builds nothing where the sources are somebody else's."""
import os
import shutil
import subprocess
import tempfile

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOBODY = 65534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who installs")


@pytest.fixture
def tree():
    """The sources as somebody else's, whose `pkg-config` notes who calls it."""
    folder = tempfile.mkdtemp(prefix="tolld-install-")
    os.chmod(folder, 0o755)
    names = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "Makefile", "tests/*.mk", "user", "include", "bpf"],
                           capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
        shutil.copyfile(os.path.join(ROOT, name), os.path.join(folder, name))
    with open(os.path.join(folder, "spy"), "w") as f:
        f.write("#!/bin/sh\nid -u >> %s/callers\n" % folder)
    os.chmod(os.path.join(folder, "spy"), 0o755)
    os.mkdir(os.path.join(folder, "build"))
    yield folder
    shutil.rmtree(folder)


def give(folder):
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)


def install(folder):
    """With -n the recipe that builds runs all the same, and what it calls only says what it would do."""
    return subprocess.run(["make", "-n", "-C", folder, "install", f"PKG_CONFIG={folder}/spy", f"DESTDIR={folder}/into"],
                          capture_output=True, text=True)


def callers(folder):
    with open(os.path.join(folder, "callers")) as f:
        return set(f.read().split())


@pytest.mark.parametrize("whose", ["theirs", "theirs, with what tests left", "root's"])
def test_the_owner_of_the_build_builds(tree, whose):
    theirs = whose != "root's"
    if theirs:
        give(tree)
    if "tests" in whose:
        os.mkdir(os.path.join(tree, "build", "logs"))
        os.mkdir(os.path.join(tree, "build", "guest"))
    done = install(tree)
    assert done.returncode == 0, done.stdout + done.stderr
    assert callers(tree) == {str(NOBODY) if theirs else "0"}
    assert f"{tree}/into/usr/local/bin/tolld" in done.stdout


def test_what_root_left_in_a_users_build_is_told_with_its_cure(tree):
    give(tree)
    os.mkdir(os.path.join(tree, "build", "user"))
    done = install(tree)
    assert done.returncode != 0
    assert "holds files of root" in done.stderr and f"chown -R {NOBODY}:{NOBODY} build" in done.stderr
    assert "into/usr/local/bin" not in done.stdout
