"""The position of a declaration in the author's Python code."""

import inspect
import os
from types import FrameType


def find_caller_position() -> str:
    """Return file and line of the call into this package, as ``app.py:12``.

    The path of a file below the current folder is relative to it.
    """
    frame = _find_calling_frame()
    if frame is None:
        return ""
    file = frame.f_code.co_filename
    folder = os.getcwd() + os.sep
    return f"{file.removeprefix(folder)}:{frame.f_lineno}"


def find_calling_module() -> str:
    """Return the name of the module that called into this package."""
    frame = _find_calling_frame()
    return "" if frame is None else str(frame.f_globals.get("__name__", ""))


def _find_calling_frame() -> FrameType | None:
    frame: FrameType | None = inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").startswith("scenarist.config"):
        frame = frame.f_back
    return frame
