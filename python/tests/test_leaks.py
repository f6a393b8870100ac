"""Leak checks, by hand and by pytest's plugin."""

import errno
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

import weir

SUITE = """
import pytest, weir
np = pytest.importorskip("numpy")
kept = []

def test_clean():
    a = np.ones(100)
    b = a + a
    weir.zeros(10)

def test_cycle():
    a = [np.ones(100)]
    a.append(a)

@pytest.fixture(scope="module")
def wide():
    return np.ones(1000)

@pytest.fixture
def own():
    return np.ones(1000)

def test_fixtures(wide, own):
    (wide + own).sum()
"""
PLANTED = """
def test_planted():
    with weir.tag("layer1"):
        kept.append(np.ones(100))
    kept.append(weir.zeros(3))

def test_after_it():
    np.ones(5)
"""


def run(folder, *arguments, status=0):
    (folder / "pytest.ini").write_text("[pytest]\n")
    found = any(point.name == "weir" for point in entry_points(group="pytest11"))
    plugin = [] if found else ["-p", "weir.pytest_plugin"]  # the package is not installed
    done = subprocess.run([sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *plugin,
                           *arguments, str(folder)], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == status, done.stdout
    return done.stdout


def test_leaks_since_a_checkpoint():
    before = weir.zeros(1, "uint8")
    moment = weir.checkpoint()
    with weir.Context("leaky"), weir.tag("lost"):
        kept = [weir.zeros(77, "uint8"), weir.zeros(770, "uint8")]
    del before
    left = moment.leaks()
    assert [(leak.size, leak.tag, leak.context) for leak in left] == [
        (770, "lost", "leaky"), (77, "lost", "leaky")]
    assert left[0].address == kept[1].data and left[0].usable >= 770
    del kept
    assert moment.leaks() == []
    weir.checkpoint()
    assert moment.is_stale()
    with pytest.raises(OSError) as stale:
        moment.leaks()
    assert stale.value.errno == errno.ESTALE


def test_no_leaks():
    with weir.no_leaks():
        weir.zeros(10)
    with pytest.raises(weir.LeakError) as leaky, weir.no_leaks():
        kept = [weir.zeros(5, "uint8") for _ in range(3)]
    assert str(leaky.value) == "left 3 blocks, 15 bytes:\n  5 bytes in cpu: (no tag) (3 times)"
    assert len(leaky.value.leaks) == 3
    with pytest.raises(KeyError), weir.no_leaks():
        kept.append(weir.zeros(5))
        raise KeyError
    del kept


def test_contexts_that_do_not_contain_one_another():
    one, other = weir.Context("one"), weir.Context("other")
    first, second = weir.checkpoint(one), weir.checkpoint(other)
    kept = weir.zeros(5, "uint8", context=one)
    assert len(first.leaks()) == 1 and second.leaks() == []
    del kept


def test_a_clean_suite_passes(tmp_path):
    pytest.importorskip("numpy")
    (tmp_path / "test_clean.py").write_text(SUITE)
    said = run(tmp_path, "--weir-leaks")
    assert "3 passed" in said and "failed" not in said


def test_a_planted_leak_is_caught(tmp_path):
    pytest.importorskip("numpy")
    (tmp_path / "test_planted.py").write_text(SUITE + PLANTED)
    line = (SUITE + PLANTED).splitlines().index("        kept.append(np.ones(100))") + 1
    said = run(tmp_path, "--weir-leaks", status=1)
    assert "1 failed, 5 passed" in said
    assert "test_planted.py::test_planted: left 2 blocks, 812 bytes:" in said
    assert f"800 bytes in cpu: layer1 @ test_planted.py:{line} test_planted" in said
    assert f"12 bytes in cpu: test_planted.py:{line + 1} test_planted" in said
    assert "test_after_it PASSED" in said and "test_after_it LEAKS" not in said
    assert "5 passed" in run(tmp_path)  # without the option nothing is looked at


def test_by_the_fixture_alone(tmp_path):
    (tmp_path / "test_one.py").write_text("""
import weir
kept = []
def test_watched(weir_leaks): kept.append(weir.zeros(3))
def test_not_watched(): kept.append(weir.zeros(3))
""")
    said = run(tmp_path, status=1)
    assert "1 failed, 2 passed" in said and "test_watched: left 1 block, 12 bytes" in said


def test_what_a_mark_allows(tmp_path):
    (tmp_path / "test_marks.py").write_text("""
import pytest, weir
kept = []
@pytest.mark.weir_leaks(allow=None)
def test_any(): kept.append(weir.zeros(300))
@pytest.mark.weir_leaks(allow=12)
def test_few(): kept.append(weir.zeros(3))
@pytest.mark.weir_leaks(allow=11)
def test_too_many(): kept.append(weir.zeros(3))
""")
    said = run(tmp_path, "--weir-leaks", status=1)
    assert "1 failed, 3 passed" in said and "test_too_many LEAKS" in said


def test_a_test_that_failed_is_told_once(tmp_path):
    (tmp_path / "test_fails.py").write_text("""
import weir
def test_fails():
    held = weir.zeros(3)
    assert False
""")
    said = run(tmp_path, "--weir-leaks", status=1)
    assert "1 failed" in said and "left" not in said


def test_a_checkpoint_of_its_own_is_told(tmp_path):
    (tmp_path / "test_own.py").write_text("""
import weir
def test_own():
    with weir.no_leaks():
        weir.zeros(3)
""")
    said = run(tmp_path, "--weir-leaks")
    assert "1 passed, 1 warning" in said and "whether it leaks is not known" in said
