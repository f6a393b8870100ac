"""What the tests share. tests/scripts/python.sh runs them; by hand, in the build folder:

    PYTHONPATH=../python WEIR_LIBRARY=$PWD/.libs/libweir.so.0 python3 -m pytest ../python/tests
"""

import gc
import os
import pathlib
import subprocess
import sys

import pytest

import weir
from weir import contexts

TESTS = pathlib.Path(__file__).resolve().parent


def pytest_addoption(parser):
    parser.addoption("--cases", help="a file that gets a line a case: RESULT<tab>NAME<tab>WHY")


def pytest_configure(config):
    config.cases = {}


def pytest_runtest_logreport(report):
    cases = _config.cases
    if report.skipped and report.when in ("setup", "call"):
        cases[report.nodeid] = "skipped", str(report.longrepr[2]).replace("Skipped: ", "")
    elif report.failed:
        cases[report.nodeid] = "failed", ""
    elif report.when == "call":
        cases.setdefault(report.nodeid, ("passed", ""))


_config = None


def pytest_sessionstart(session):
    global _config
    _config = session.config


def pytest_sessionfinish(session):
    file = session.config.getoption("--cases")
    if file:
        with open(file, "w") as to:
            for name, (result, why) in session.config.cases.items():
                why = " ".join(why.split())
                to.write(f"{result}\t{name.rpartition('/')[2]}\t{why}\n")


@pytest.fixture(autouse=True)
def nothing_stays():
    """No test leaves a block or a context."""
    gc.collect()
    contexts._sweep()
    before = weir.cpu.total, weir.cpu.count, len(weir.tree(weir.cpu)["children"])
    yield
    gc.collect()
    contexts._sweep()
    assert (weir.cpu.total, weir.cpu.count, len(weir.tree(weir.cpu)["children"])) == before
    assert weir.current() is weir.cpu


@pytest.fixture
def python(tmp_path):
    """Runs a program in a Python of its own: python(text, *arguments) gives what it did."""
    def run(text, *arguments, env=None, status=0):
        whole = dict(os.environ, **(env or {}))
        done = subprocess.run([sys.executable, "-c", text, *arguments], env=whole, cwd=tmp_path,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done
    return run
