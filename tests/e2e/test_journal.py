"""What the journal is told: the catalogue of the entries' meanings."""
import os
import re
import shutil
import subprocess

import pytest

from process import ROOT

CATALOG = os.path.join(ROOT, "user/packaging/tolld.catalog")


def ids_in(path, pattern):
    with open(os.path.join(ROOT, path)) as f:
        return re.findall(pattern, f.read(), re.M)


def test_the_catalogue_explains_every_entry_that_has_an_id():
    known = ids_in("user/daemon_private.h", r'^#define ENTRY_\w+\s+"([0-9a-f]{32})"')
    assert len(known) >= 9 and len(set(known)) == len(known)
    assert sorted(ids_in(CATALOG, r"^-- ([0-9a-f]{32})$")) == sorted(known)


def test_journalctl_takes_the_catalogue(tmp_path):
    if not shutil.which("journalctl"):
        pytest.skip("there is no journalctl")
    folder = tmp_path / "usr/lib/systemd/catalog"
    folder.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(CATALOG, folder)
    run = ["journalctl", f"--root={tmp_path}"]
    subprocess.run([*run, "--update-catalog"], check=True, capture_output=True, text=True)
    shown = subprocess.run([*run, "--dump-catalog"], check=True, capture_output=True, text=True).stdout
    assert "Subject: @TOLLD_SERVICE@ died: @TOLLD_CAUSE@" in shown
    assert shown.count("Defined-By: tolld") == len(ids_in(CATALOG, r"^-- "))
