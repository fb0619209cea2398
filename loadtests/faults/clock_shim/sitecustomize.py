"""A wall clock that somebody sets while a process runs: put this directory on PYTHONPATH and name a file in ORTOO_FAULT_CLOCK.

The file holds the step in microseconds as text; `time.time` and `time.time_ns` are that far off. The monotonic clock is left
alone, as it is by a real step of the machine's clock.
"""

import mmap
import os
import time

_path = os.environ.get("ORTOO_FAULT_CLOCK")
if _path:
    with open(_path, "rb") as _file:
        _step = mmap.mmap(_file.fileno(), 32, access=mmap.ACCESS_READ)
    _real_ns = time.time_ns

    def _stepped_ns() -> int:
        return _real_ns() + int(_step[:32].rstrip(b" \n")) * 1_000

    time.time_ns = _stepped_ns
    time.time = lambda: _stepped_ns() / 1e9
