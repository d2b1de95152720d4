"""The behaviour of tasks as the application declares it now, whenever they were created."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import timedelta
from operator import attrgetter
from typing import Any

from scenarist.domain.outcomes import DeclaredOutcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Behaviour:
    """The part of a task's declaration that is looked up at each run.

    The fields have the same names in the declaration, the record and the recipe of a task.
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

    def is_of(self, record: Any) -> bool:
        """Whether a record has this behaviour."""
        return bool(_get_values(record) == _get_values(self))

    def as_fields(self) -> dict[str, Any]:
        """Return the fields by name, as arguments of `dataclasses.replace` for a record."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


_get_values = attrgetter(*(item.name for item in fields(Behaviour)))


@dataclass(frozen=True, kw_only=True, slots=True)
class DeclaredTask:
    """A task as the application declares it now.

    Args:
        inputs: The config ids of the data nodes that it reads, in order.
        outputs: The config ids of the data nodes that it writes, in order.
        code_digest: The digest of its function's code; None if the code cannot be read.
        cache: Whether its outputs are taken from an earlier job with the same cache key.
        cache_version: Part of its cache keys.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    behaviour: Behaviour
    code_digest: str | None
    cache: bool = False
    cache_version: str | None = None


@dataclass(frozen=True, slots=True)
class DeclaredConfigs:
    """The current declarations that existing entities depend on.

    Args:
        tasks: Tasks by config id.
        scenarios: Config ids of scenarios.
        types: The types in which functions get the values of data nodes, as text by config id.
        outcomes: Outcomes by name, by config id of scenarios; only of configs that have any.
        figures: The places of numbers in the values of data nodes, as JSON Pointers by config id.
        version: The version of the application; None if it is not known.
    """

    tasks: Mapping[str, DeclaredTask]
    scenarios: frozenset[str]
    version: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, Mapping[str, DeclaredOutcome]] = field(default_factory=dict)
    figures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def find_scenario_fault(self, config_id: str) -> str | None:
        """Return why scenarios of a config cannot be submitted; None if they can."""
        return None if config_id in self.scenarios else describe_missing_config(config_id)

    def find_task_fault(
        self, config_id: str, inputs: Sequence[str], outputs: Sequence[str]
    ) -> str | None:
        """Return why an existing task cannot run as it is declared now; None if it can.

        Args:
            inputs: The config ids of the data nodes that the task reads, in order.
            outputs: The config ids of the data nodes that the task writes, in order.
        """
        now = self.tasks.get(config_id)
        if now is None:
            return (
                f"the application no longer declares the task {config_id!r}; upgrade the scenario, "
                "or declare it again"
            )
        if (now.inputs, now.outputs) == (tuple(inputs), tuple(outputs)):
            return None
        return (
            f"task {config_id!r} was created as {format_wiring(inputs, outputs)}, but the "
            f"application now declares it as {format_wiring(now.inputs, now.outputs)}; upgrade the "
            "scenario, or restore the declaration"
        )


def describe_missing_config(config_id: str) -> str:
    """Return the message that the config of a scenario is gone, and what to do."""
    return (
        f"the application no longer declares the scenario config {config_id!r}; declare it "
        "again, or create a scenario from another config"
    )


def format_wiring(inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Return the config ids that a task reads and writes as text."""
    return f"({', '.join(inputs)}) -> ({', '.join(outputs)})"
