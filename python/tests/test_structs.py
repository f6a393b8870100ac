"""The structs that the package declares are the headers' own."""

import ctypes
import os
import pathlib
import shutil
import subprocess

import pytest

from weir import _structs

TOP = pathlib.Path(os.environ.get("top_srcdir", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("top_builddir", TOP / "build"))


def test_structs_are_laid_out_as_in_c(tmp_path):
    compiler = (os.environ.get("CC") or "cc").split()
    if not shutil.which(compiler[0]):
        pytest.skip("no compiler")
    if not (BUILD / "include/weir/version.h").exists():
        pytest.skip("no build tree with its headers")
    lines, expected = [], []
    for name, struct in sorted(_structs.STRUCTS.items()):
        lines.append(f'printf("{name} %zu\\n", sizeof({name}));')
        expected.append(f"{name} {ctypes.sizeof(struct)}")
        for field, *_ in struct._fields_:
            lines.append(f'printf("{name}.{field} %zu %zu\\n", offsetof({name}, {field}), '
                         f'sizeof((({name} *)0)->{field}));')
            about = getattr(struct, field)
            expected.append(f"{name}.{field} {about.offset} {about.size}")
    source = tmp_path / "structs.c"
    source.write_text("#include <stdio.h>\n#include <weir/weir.h>\nint main(void) {\n" +
                      "\n".join(lines) + "\n}\n")
    subprocess.run(compiler + [f"-I{BUILD}/include", f"-I{TOP}/include", "-o",
                               str(tmp_path / "structs"), str(source)], check=True)
    printed = subprocess.run([str(tmp_path / "structs")], check=True, stdout=subprocess.PIPE,
                             text=True).stdout.splitlines()
    assert printed == expected
    assert len(_structs.STRUCTS) >= 12


def test_every_struct_with_a_size_tells_it():
    sized = [struct for struct in _structs.STRUCTS.values() if struct._fields_[0][0] == "size"]
    assert sized
    for struct in sized:
        assert _structs.sized(struct).size == ctypes.sizeof(struct)
