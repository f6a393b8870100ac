"""Which library is loaded, and what is said where none can be."""

import os
import pathlib
import shutil

import weir
from weir import _library

SAYS = "import weir; print(weir.LIBRARY_PATH)"


def package(tmp_path):
    """A copy of the package, away from any build tree."""
    folder = tmp_path / "elsewhere" / "weir"
    shutil.copytree(pathlib.Path(weir.__file__).parent, folder,
                    ignore=shutil.ignore_patterns("_lib", "__pycache__"))
    return folder


def library():
    return os.path.realpath(_library.LIBRARY_PATH)


def without(tmp_path, **more):
    return dict({"WEIR_LIBRARY": "", "PYTHONPATH": str(tmp_path / "elsewhere")}, **more)


def test_the_variable_names_it(python, tmp_path):
    copy = tmp_path / "libmine.so"
    shutil.copy(library(), copy)
    assert python(SAYS, env={"WEIR_LIBRARY": str(copy)}).stdout.strip() == str(copy)


def test_a_variable_that_names_none_is_not_passed_over(python, tmp_path):
    done = python(SAYS, env={"WEIR_LIBRARY": str(tmp_path / "none.so")}, status=1)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: weir: cannot load libweir.so.0 ($WEIR_LIBRARY may name it)")
    assert "none.so" in last


def test_the_packages_own_folder_comes_first(python, tmp_path):
    folder = package(tmp_path) / "_lib"
    folder.mkdir()
    shutil.copy(library(), folder / "libweir.so.0")
    done = python(SAYS, env=without(tmp_path))
    assert done.stdout.strip() == str(folder / "libweir.so.0")


def test_a_build_tree_around_it(python, tmp_path):
    package(tmp_path)
    source = tmp_path / "source"
    (source / "python").mkdir(parents=True)
    (source / "build" / ".libs").mkdir(parents=True)
    (source / "configure.ac").touch()
    os.rename(tmp_path / "elsewhere" / "weir", source / "python" / "weir")
    shutil.copy(library(), source / "build" / ".libs" / "libweir.so.0")
    done = python(SAYS, env={"WEIR_LIBRARY": "", "PYTHONPATH": str(source / "python")})
    assert done.stdout.strip() == str(source / "build" / ".libs" / "libweir.so.0")


def test_the_loader_finds_it(python, tmp_path):
    package(tmp_path)
    shutil.copy(library(), tmp_path / "libweir.so.0")
    done = python(SAYS, env=without(tmp_path, LD_LIBRARY_PATH=str(tmp_path)))
    assert done.stdout.strip() == "libweir.so.0"


def test_another_library_is_refused(python, tmp_path):
    name = next(line.split()[-1] for line in open("/proc/self/maps") if "libc.so" in line)
    done = python(SAYS, env={"WEIR_LIBRARY": name}, status=1)
    assert f"ImportError: weir: {name} is not libweir" in done.stderr
