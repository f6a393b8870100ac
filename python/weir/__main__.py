"""``python -m weir COMMAND ...`` is ``weir COMMAND ...``."""

import os
import shutil
import sys
from typing import List

from ._library import LIBRARY_PATH, command


def main(arguments: List[str]) -> int:
    """Becomes the command: the one that belongs to the loaded library, else that of $PATH."""
    path = command() or shutil.which("weir")
    if path is None:
        print(f"python -m weir: there is no `weir` command near {LIBRARY_PATH} or in $PATH: "
              "Debian's package weir-tools has it", file=sys.stderr)
        return 127
    try:
        os.execv(path, [path] + arguments)
    except OSError as error:
        print(f"python -m weir: {path}: {error.strerror}", file=sys.stderr)
        return 126


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
