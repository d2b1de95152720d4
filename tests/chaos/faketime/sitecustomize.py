"""Imported at the start of each process under libfaketime.

Its clock_nanosleep (0.9.10) refuses to sleep by the monotonic clock when that one is left alone.
"""

import select
import time
from typing import Any


def _sleep(seconds: Any, /) -> None:
    select.select([], [], [], seconds)


time.sleep = _sleep
