"""Makes records for tests: keyword builders with plain defaults."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from scenarist.db import data_nodes as data_node_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db import tasks as task_rows
from scenarist.domain import entities
from scenarist.domain import identifiers as ids
from scenarist.domain.entities import DataNode, Edit, Scenario, Task
from scenarist.domain.identifiers import (
    DataNodeId,
    EditId,
    ScenarioId,
    SequenceId,
    TaskId,
    make_uuid,
)
from scenarist.domain.locations import digest_location
from scenarist.domain.vocabulary import Scope
from scenarist.identity.encryption import SecretCipher
from scenarist.identity.secret_keys import SecretKeys

SEAL = SecretCipher(SecretKeys(["a secret key for tests only"]))
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


@dataclass
class Draft:
    """A scenario in the making, in one transaction."""

    connection: Connection
    id: ScenarioId = field(
        default_factory=lambda: ids.make_scenario_id("test", make_uuid(datetime.now(UTC)))
    )
    tasks: list[TaskId] = field(default_factory=list)

    def node(self, name: str, value: object = None, **properties: Any) -> DataNodeId:
        """Add a data node of the scenario; None leaves it without a value."""
        storage_type = properties.pop("storage_type", "pickle")
        node = DataNode(
            id=ids.make_data_node_id(name, make_uuid(NOON)),
            config_id=name,
            scope=Scope.SCENARIO,
            storage_type=storage_type,
            owner_id=self.id,
            parent_ids=(),
            properties=properties,
            validity=None,
            last_edit_id=None,
            last_edited_at=None,
            being_written_by=None,
            created_at=NOON,
            version="test",
            place=digest_location(storage_type, properties),
        )
        data_node_rows.find_or_create(self.connection, node)
        if value is not None:
            data_node_rows.add_edits(self.connection, [an_edit(node.id, value)])
        return node.id

    def task(
        self,
        name: str,
        function: str,
        inputs: Sequence[DataNodeId] = (),
        outputs: Sequence[DataNodeId] = (),
        **changes: Any,
    ) -> TaskId:
        details: dict[str, Any] = {
            "skippable": False,
            "timeout": None,
            "retries": 0,
            "retry_delay": timedelta(seconds=1),
            "retry_on": (),
            "retries_after_loss": 2,
            "fresh": False,
            "properties": {},
            **changes,
        }
        task = Task(
            id=ids.make_task_id(name, make_uuid(NOON)),
            config_id=name,
            owner_id=self.id,
            parent_ids=(),
            input_ids=tuple(inputs),
            output_ids=tuple(outputs),
            function=f"pipelines:{function}",
            created_at=NOON,
            version="test",
            **details,
        )
        task_rows.find_or_create(self.connection, task)
        self.tasks.append(task.id)
        return task.id

    def finish(self) -> ScenarioId:
        scenario_rows.add(
            self.connection,
            Scenario(
                id=self.id,
                config_id="test",
                name=None,
                cycle_id=None,
                is_primary=False,
                tags=(),
                properties={},
                task_ids=tuple(self.tasks),
                data_node_ids=(),
                additional_data_node_ids=(),
                sequences=(),
                created_at=NOON,
                version="test",
            ),
        )
        return self.id

    def sequence(self, name: str, tasks: Sequence[TaskId]) -> SequenceId:
        """Add a sequence; the scenario must be finished."""
        sequence = entities.Sequence(
            id=ids.make_sequence_id(name, self.id),
            name=name,
            scenario_id=self.id,
            task_ids=tuple(tasks),
            properties={},
            created_at=NOON,
            version="test",
        )
        sequence_rows.add(self.connection, sequence)
        return sequence.id


def an_edit(data_node_id: DataNodeId, value: object, *, at: datetime = NOON) -> Edit:
    return Edit(
        id=EditId(make_uuid(at)),
        data_node_id=data_node_id,
        created_at=at,
        job_id=None,
        actor="test",
        comment=None,
        uri=None,
        content=pickle.dumps(value),
        size=None,
        digest=None,
        python_type=None,
        rendition=None,
        is_complete=False,
    )
