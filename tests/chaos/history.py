"""What clients did and what they were told: one side of each law."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What an answer says about a change."""

    DONE = "done"
    NOT_DONE = "not done"
    """It was refused, or the server says that nothing was changed."""
    IN_DOUBT = "in doubt"
    """No answer came, or one that says so."""


@dataclass
class Answer:
    outcome: Outcome
    status: int = 0  # 0 where no answer came
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None

    @property
    def is_done(self) -> bool:
        return self.outcome is Outcome.DONE


@dataclass
class Submit:
    """One submit of a sequence, with as many tries as its idempotency key allowed."""

    mark: str  # a property of the submission
    is_retry: bool = False  # of the failed jobs of another submission
    answers: list[tuple[Outcome, str]] = field(default_factory=list)  # and its submission's id
    least_rate: int = 0  # acknowledged before it was sent
    most_rate: int = 1 << 60  # sent before the last answer

    def has(self, outcome: Outcome) -> bool:
        return any(found is outcome for found, _ in self.answers)


@dataclass
class Made:
    """A scenario that was created, counted up by PATCH, and perhaps deleted."""

    name: str
    outcome: Outcome
    id: str = ""
    deleted: Outcome | None = None
    least: int = 0
    most: int = 0


@dataclass
class History:
    """Each list is added to by one thread, or with the lock held."""

    submits: list[Submit] = field(default_factory=list)
    rates: dict[int, Outcome] = field(default_factory=dict)
    appended: dict[str, Outcome] = field(default_factory=dict)
    made: list[Made] = field(default_factory=list)
    cancels: list[tuple[str, Answer]] = field(default_factory=list)
    streams: list[list[tuple[str, Any]]] = field(default_factory=list)  # ids of events, and events
    deliveries: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What the subscriber of a sequence was told: messages by id, as they came first."""
    answers: Counter[str] = field(default_factory=Counter)  # of each status and code
    faults: list[str] = field(default_factory=list)
    """What a client saw at once to be untrue."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def acknowledged_rate(self) -> int:
        done = [number for number, outcome in list(self.rates.items()) if outcome is Outcome.DONE]
        return max(done, default=0)

    def add_fault(self, fault: str) -> None:
        with self.lock:
            self.faults.append(fault)
