"""python -m weir, recordings, and the example."""

import pathlib
import re
import subprocess
import sys

import pytest

import weir
from weir import _library

needs_command = pytest.mark.skipif(_library.command() is None, reason="no weir command was built")
EXAMPLE = pathlib.Path(__file__).resolve().parent.parent / "examples" / "peak_line.py"


def command(*arguments):
    return subprocess.run([sys.executable, "-m", "weir", *arguments], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120)


@needs_command
def test_it_is_the_command():
    assert weir.version() in command("--version").stdout
    wrong = command("no-such-command")
    assert wrong.returncode == 2 and "no-such-command" in wrong.stderr


@needs_command
def test_run_is_weir_run():
    done = command("run", "--", "sh", "-c", "exit 7")
    if "cannot find libweir-malloc.so" in done.stderr:
        pytest.skip("no libweir-malloc.so was built")
    assert done.returncode == 7 and "peak" in done.stderr


def test_no_command_is_told(python, tmp_path):
    done = python("import weir._library, weir.__main__, sys\n"
                  "weir.__main__.command = lambda: None\n"
                  "sys.exit(weir.__main__.main(['run']))", env={"PATH": str(tmp_path)}, status=127)
    assert "there is no `weir` command" in done.stderr


@needs_command
def test_a_recording_has_tags_and_marks(tmp_path):
    file = tmp_path / "run.wtr"
    with weir.record(file):
        with weir.mark("forward", "run"), weir.tag("activations"):
            tensor = weir.zeros(4321, "uint8")
        with pytest.raises(OSError):
            with weir.record(tmp_path / "other.wtr"):
                pass
        del tensor
    said = command("trace", "--by", "tag", str(file)).stdout
    assert "4,321 bytes" in said and "activations" in said
    assert "forward" in command("trace", "--runs", str(file)).stdout
    with pytest.raises(ValueError):
        with weir.mark("x", "nothing"):
            pass


@needs_command
def test_the_example_names_the_line(tmp_path):
    pytest.importorskip("numpy")
    done = subprocess.run([sys.executable, str(EXAMPLE), str(tmp_path / "run.wtr")],
                          stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    line = next(number for number, text in enumerate(EXAMPLE.read_text().splitlines(), 1)
                if "four matrices" in text)
    rows = [row for row in done.stdout.splitlines() if row.endswith(" distances") or
            row.endswith(" normalize")]
    assert rows[0].endswith(f"peak_line.py:{line} distances"), done.stdout
    peak = int(re.match(r"peak: (\d+) bytes", done.stdout).group(1))
    # The matrices of 1000 by 1000 that numpy's expression keeps at once, from what it does: the sum
    # and twice the product (numpy makes the product twice as great in place), or the difference, too.
    assert peak in range(2 * 8000000, 3 * 8000000 + 2 * 512000 + 16000)
    assert f"({peak:,} bytes)" in done.stdout
