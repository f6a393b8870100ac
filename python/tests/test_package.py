"""The package itself: its version, its words, its types."""

import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
import sys

import pytest

import weir
from weir import _structs

TOP = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).resolve().parents[2]))


def test_the_versions_agree():
    text = (TOP / "python" / "pyproject.toml").read_text()
    assert re.search(r'^version = "(.*)"', text, re.M).group(1) == weir.version() == weir.__version__


def test_what_is_public_has_words_and_types():
    for name in weir.__all__:
        value = getattr(weir, name)
        if not callable(value):
            continue
        assert inspect.getdoc(value), name
        if inspect.isfunction(value):
            assert "return" in inspect.unwrap(value).__annotations__, name
    assert (pathlib.Path(weir.__file__).parent / "py.typed").exists()


def test_every_module_has_words():
    for file in pathlib.Path(weir.__file__).parent.glob("*.py"):
        assert file.read_text().startswith('"""'), file


def test_figures_have_all_fields_of_c():
    declared = {name for name, *_ in _structs.weir_stats._fields_} - {"size"}
    assert declared == set(weir.Stats.__dataclass_fields__)


def test_mypy_has_no_complaint():
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("no mypy here")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict-optional", "--disallow-untyped-defs",
                           "--cache-dir=/dev/null", str(pathlib.Path(weir.__file__).parent)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
