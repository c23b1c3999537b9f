"""What the suites share: the subject under test, its ports, a mail server and a service to kill."""
import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("support", "e2e", "guest"):
    sys.path.insert(0, os.path.join(HERE, folder))
sys.dont_write_bytecode = True

import sanitizer  # noqa: E402
from mailbox import Mailbox  # noqa: E402
from subject import SUBJECTS, Ports, Timing, node_exporter, wait_for_exporter, write_settings  # noqa: E402


def pytest_collection_modifyitems(config, items):
    """What only the sanitizers make a test of is not skipped without them: it is not there."""
    if not sanitizer.ON:
        items[:] = [i for i in items if i.path.name != "test_sanitizer.py"]


def pytest_addoption(parser):
    parser.addoption("--subject", choices=sorted(SUBJECTS), default="tolld",
                     help="who is tested: tolld, or prometheus and alertmanager (to test the tests)")


def pytest_configure(config):
    config.addinivalue_line("markers", "storm: takes minutes; only in check-all")
    config.addinivalue_line("markers", "long: a minute or two; under the sanitizers only in check-all")


@pytest.fixture(scope="session")
def sanitizer_reports():
    reports = sanitizer.Reports()
    os.environ.update(reports.environment())
    yield reports
    reports.remove()


# Asked for first, and so the last to look: everything that a test started has ended by then.
@pytest.fixture(autouse=sanitizer.ON)
def no_sanitizer_has_reported(sanitizer_reports):
    yield
    said = sanitizer_reports.take()
    assert not said, said


@pytest.fixture
def subject_class(request):
    return SUBJECTS[request.config.getoption("--subject")]


@pytest.fixture
def ports():
    return Ports.free()


@pytest.fixture
def mailbox(ports, tmp_path):
    with Mailbox(ports.smtp, tmp_path) as box:
        yield box


@pytest.fixture
def exporter(ports, tmp_path):
    """A running node_exporter."""
    with node_exporter(tmp_path, ports.exporter) as process:
        wait_for_exporter(ports.exporter)
        yield process


@pytest.fixture
def start(subject_class, ports, tmp_path):
    """start(timing, options) -> the subject, running on quick settings in tmp_path; ended afterwards."""
    started = []

    def go(timing=Timing(), options=(), ready=True, settings=True):
        if settings:
            write_settings(tmp_path, ports, timing)
        subject = subject_class(tmp_path, ports, options)
        started.append(subject)
        return subject.start(ready)

    yield go
    for subject in started:
        subject.end()


@pytest.fixture
def needs_root():
    if os.geteuid() != 0:
        pytest.skip("needs root")
