"""What pyproject.toml cannot say: the package is the same for every Python 3, and where it brings
the libraries along the wheel is of one kind of machine."""

import pathlib

from setuptools import setup

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70.1
    from wheel.bdist_wheel import bdist_wheel

brings_libraries = any(pathlib.Path(__file__).resolve().parent.glob("weir/_lib/*"))


class Wheel(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        if brings_libraries:
            self.root_is_pure = False

    def get_tag(self):
        _python, _abi, platform = super().get_tag()
        return "py3", "none", platform


setup(cmdclass={"bdist_wheel": Wheel})
