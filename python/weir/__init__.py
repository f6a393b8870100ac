"""weir from Python: exact figures of memory, contexts with limits, tensors, leak checks, plans.

    import weir, weir.numpy
    weir.numpy.install()                      # from now on numpy's arrays are weir's
    with weir.Context("session", limit="64M") as session:
        with weir.peak() as peak:
            ...                               # numpy code
    print(peak.bytes, session.stats().failures)

The library is libweir.so.0, loaded by ctypes: ``$WEIR_LIBRARY``, the package's own folder, a build
tree around the package, or the loader's path. All figures are requested bytes, exact at any moment.
Any thread may use any function. docs/guide/python.md tells more.
"""

from ._library import LIBRARY_PATH, version
from ._errors import LimitError
from .contexts import Context, cpu, current
from .figures import Holder, Stats, holders, mapped, openmetrics, stats, tree
from .leaks import Checkpoint, Leak, LeakError, checkpoint, no_leaks
from .peaks import Peak, peak
from .plans import Plan, PlanMemory, plan
from .recording import mark, record
from .tags import tag
from .tensors import DTYPES, Tensor, empty, from_dlpack, zeros

__version__ = version()

__all__ = [
    "DTYPES", "LIBRARY_PATH", "Checkpoint", "Context", "Holder", "Leak", "LeakError", "LimitError",
    "Peak", "Plan", "PlanMemory", "Stats", "Tensor", "checkpoint", "cpu", "current", "empty",
    "from_dlpack", "holders", "mapped", "mark", "no_leaks", "openmetrics", "peak", "plan", "record",
    "stats", "tag", "tree", "version", "zeros",
]
