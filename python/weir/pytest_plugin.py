"""pytest: ``--weir-leaks`` fails each test that leaves blocks behind.

What is allocated from the moment a test's fixtures of its own (scope "function") begin until they
have ended, and is live then, is left behind: tensors, and numpy's arrays with the line that made
each. Fixtures of a wider scope are made before and are no part of it. Without the option a test
asks for it by the fixture ``weir_leaks``. ``@pytest.mark.weir_leaks(allow=BYTES)`` lets a test
leave so much, ``allow=None`` anything.
"""

from __future__ import annotations

import errno
import gc
import sys
import warnings
from typing import Any, Iterator, Optional, Tuple

import pytest

_REPORTED = "weir_leaks"


def pytest_addoption(parser: Any) -> None:
    group = parser.getgroup("weir")
    group.addoption("--weir-leaks", action="store_true", default=False,
                    help="a test that leaves blocks of weir's behind fails: tensors, numpy arrays")


def pytest_configure(config: Any) -> None:
    config.addinivalue_line("markers", "weir_leaks(allow=0): how many bytes the test may leave "
                            "behind; None: any number")


def _hook_numpy() -> None:
    """numpy's arrays with their lines, once the tests have imported numpy."""
    if "numpy" in sys.modules:
        import weir.numpy
        from weir import sites
        if not (weir.numpy.installed() and sites.enabled):
            weir.numpy.install(sites=True)


def _allowed(request: Any) -> Optional[int]:
    mark = request.node.get_closest_marker("weir_leaks")
    if mark is None:
        return 0
    return mark.kwargs.get("allow", mark.args[0] if mark.args else 0)


def _watch(request: Any) -> Iterator[None]:
    import weir
    allowed = _allowed(request)
    if allowed is None:
        yield
        return
    _hook_numpy()
    gc.collect()
    moment = weir.checkpoint()
    yield
    call = getattr(request.node, "_weir_call", None)
    if call is not None and call.failed:
        return  # its traceback keeps what it used
    request.node.funcargs.clear()  # what its fixtures returned: they have ended
    gc.collect()
    try:
        left = moment.leaks()
    except OSError as error:
        if error.errno != errno.ESTALE:
            raise
        warnings.warn(f"{request.node.nodeid}: it took a checkpoint of its own: whether it leaks is "
                      "not known", RuntimeWarning)
        return
    if sum(leak.size for leak in left) > allowed or (left and not allowed):
        raise weir.LeakError(left, request.node.nodeid)


@pytest.fixture
def weir_leaks(request: Any) -> Iterator[None]:
    """The test fails if it leaves blocks of weir's behind."""
    if request.config.getoption("weir_leaks"):
        yield  # _weir_leaks_of_all looks
    else:
        yield from _watch(request)


@pytest.fixture(autouse=True)
def _weir_leaks_of_all(request: Any) -> Iterator[None]:
    if request.config.getoption("weir_leaks"):
        yield from _watch(request)
    else:
        yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.when == "call":
        item._weir_call = report
    elif report.when == "teardown" and call.excinfo is not None:
        weir = sys.modules.get("weir")
        if weir is not None and call.excinfo.errisinstance(weir.LeakError):
            report.longrepr = str(call.excinfo.value)
            setattr(report, _REPORTED, True)


def pytest_report_teststatus(report: Any) -> Optional[Tuple[str, str, str]]:
    """A test that leaks has failed; it is not an error of a fixture."""
    if getattr(report, _REPORTED, False):
        return "failed", "F", "LEAKS"
    return None
