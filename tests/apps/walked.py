"""An application that records which files of the source each of its processes executes.

While there is a file named `recording` in the working folder, each process writes the files whose
functions are called in it, once each, to `executed-<process>`.
"""

import os
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import scenarist
from scenarist import ConfigRegistry

PACKAGE = f"{Path(scenarist.__file__).parent}/"
FOLDER = Path.cwd()
RECORDING = str(FOLDER / "recording")

_seen: set[tuple[int, str, str]] = set()


def record(frame: FrameType, event: str, argument: Any) -> None:
    name = frame.f_code.co_filename
    if event != "call" or not name.startswith(PACKAGE):
        return
    here = (os.getpid(), threading.current_thread().name, name)
    if here not in _seen and os.access(RECORDING, os.F_OK):
        _seen.add(here)
        process, thread, _ = here
        with (FOLDER / f"executed-{process}").open("a") as file:
            file.write(f"{thread.split('_')[0]}:{name.removeprefix(PACKAGE)}\n")


def increment(number: int) -> int:
    return number + 1


# In this thread and in all that it starts; a worker is forked from a process that has it, too.
threading.setprofile(record)
sys.setprofile(record)

registry = ConfigRegistry()
start = registry.configure_data_node("start", default_data=1)
middle = registry.configure_data_node("middle")
end = registry.configure_json_data_node("end")
first = registry.configure_task("first", increment, start, middle)
second = registry.configure_task("second", increment, middle, end)
registry.configure_scenario("chain", [first, second], sequences={"all": [first, second]})
