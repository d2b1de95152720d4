"""Functions that do next to nothing, so that only the machinery around them is measured."""

import time


def nothing(*values: object) -> None:
    pass


def same(number: int) -> int:
    return number


def slowly_same(number: int) -> int:
    time.sleep(0.05)
    return number
