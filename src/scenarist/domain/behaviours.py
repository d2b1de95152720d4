"""What tasks do now, as the application declares it, whenever they were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """The part of a task's declaration that is taken anew at each run.

    Each field has the name that it has in the declaration, in the record and in the recipe of a
    task.
    """

    function: str
    skippable: bool
    timeout: timedelta | None
    retries: int
    retry_delay: timedelta
    retry_on: tuple[str, ...]
    retries_after_loss: int
    fresh: bool
    properties: Mapping[str, Any]

    @classmethod
    def of(cls, declaration: Any) -> "Behaviour":
        return cls(**{item.name: getattr(declaration, item.name) for item in fields(cls)})

    def changes(self) -> dict[str, Any]:
        """Return the fields by name, for `dataclasses.replace` of a record."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredTask:
    """A task as the application declares it now.

    Args:
        inputs: The config ids of what it reads, in order.
        outputs: The config ids of what it writes, in order.
        code_digest: That of its function's code; None when that code cannot be read.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    behaviour: Behaviour
    code_digest: str | None


@dataclass(frozen=True, slots=True)
class Declared:
    """What the application declares now, as far as what was made earlier depends on it.

    Args:
        tasks: By config id.
        scenarios: Their config ids.
    """

    tasks: Mapping[str, DeclaredTask]
    scenarios: frozenset[str]

    def scenario_fault(self, config_id: str) -> str | None:
        """Say why scenarios of a config cannot be submitted; None when they can."""
        if config_id in self.scenarios:
            return None
        return (
            f"the application does not declare the scenario config {config_id!r} any more; declare "
            "it again, or create a scenario of another config"
        )

    def task_fault(
        self, config_id: str, inputs: Sequence[str], outputs: Sequence[str]
    ) -> str | None:
        """Say why a task that was made earlier cannot run as it is declared; None when it can.

        Args:
            inputs: The config ids of what the task reads, in order.
            outputs: The config ids of what the task writes, in order.
        """
        now = self.tasks.get(config_id)
        if now is None:
            return (
                f"the application does not declare the task {config_id!r} any more; declare it "
                "again, or create a new scenario"
            )
        if (now.inputs, now.outputs) == (tuple(inputs), tuple(outputs)):
            return None
        return (
            f"task {config_id!r} was made as {_wired(inputs, outputs)}, and the application "
            f"declares it as {_wired(now.inputs, now.outputs)}; create a new scenario, or declare "
            "it as it was"
        )


def _wired(inputs: Sequence[str], outputs: Sequence[str]) -> str:
    return f"({', '.join(inputs)}) -> ({', '.join(outputs)})"
