"""Inputs of scenarios by name: list them, write several in one transaction, or plan with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection

from scenarist.config import ConfigRegistry
from scenarist.db import inputs as input_rows
from scenarist.db import scenarios as scenario_rows
from scenarist.db import sequences as sequence_rows
from scenarist.db.engine import Database
from scenarist.domain.caching import Content
from scenarist.domain.entities import NodeOfScenario, ScenarioInput, Submission
from scenarist.domain.errors import require_found
from scenarist.domain.faults import ValueFault, ValuePath, make_faults_error
from scenarist.domain.identifiers import DataNodeId
from scenarist.domain.named_files import named_path
from scenarist.domain.permissions import Actor, Permission
from scenarist.domain.vocabulary import EXTERNAL_STORAGE_TYPES, EntityType
from scenarist.services.eligibility import Eligibility
from scenarist.services.factory import get_config
from scenarist.services.forks import Fork, ForkService, NewFork
from scenarist.services.input_recorder import InputRecorder
from scenarist.services.plans import PlanService, TaskPlan
from scenarist.services.scenarios import NewScenario, ScenarioService
from scenarist.services.submissions import SubmissionService
from scenarist.services.submit_requests import (
    SubmitBatch,
    SubmitOptions,
    SubmitRequest,
    find_earlier,
)
from scenarist.services.value_maker import ValueMaker
from scenarist.services.value_schemas import ValueSchemas
from scenarist.services.value_writer import NO_OPTIONS, ValueWriter, WriteOptions
from scenarist.storage.bounds import ValueLimits

IN_BODY: ValuePath = ("inputs",)
"""Where the inputs are in the body of a create or a submit."""

Expect = Callable[[Sequence[ScenarioInput]], None]
"""Checks the present inputs in the transaction that changes them; raises to refuse the change."""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A data node that a name may mean."""

    name: str
    storage_type: str
    is_made: bool  #: whether a task of the scenario writes it


class InputService:
    """Lists the inputs of scenarios, and writes them together with a create or a submit.

    An input is a data node that no task of the scenario writes; its name is that of its config.
    """

    def __init__(  # noqa: PLR0913 - its dependencies
        self,
        database: Database,
        registry: ConfigRegistry,
        scenarios: ScenarioService,
        forks: ForkService,
        submissions: SubmissionService,
        plans: PlanService,
        maker: ValueMaker,
        writer: ValueWriter,
        schemas: ValueSchemas,
        limits: ValueLimits,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._registry = registry
        self._scenarios = scenarios
        self._forks = forks
        self._submissions = submissions
        self._plans = plans
        self._writer = writer
        self._maker = maker
        self._schemas = schemas
        self._limits = limits
        self._now = now

    def list_inputs(self, actor: Actor, scenario_id: str) -> list[ScenarioInput]:
        """Return the inputs of a scenario in the order of their use.

        Raises:
            NotFoundError: There is no such scenario.
        """
        actor.require(Permission.READ)
        return _read_inputs(self._database.reader, scenario_id)

    def change(
        self,
        actor: Actor,
        scenario_id: str,
        inputs: Mapping[str, Any],
        options: WriteOptions = NO_OPTIONS,
        *,
        expect: Expect | None = None,
    ) -> list[ScenarioInput]:
        """Write several inputs of a scenario: all of them, or none.

        Returns:
            All its inputs as they are now.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: A name is not that of an input, or a value cannot be stored; lists all.
            ConflictError: A data node is in use by a job, locked by another editor, or read-only.
            ChangedError: The inputs are not as expected.
        """
        actor.require(Permission.EDIT)
        self._check(inputs, _find_candidates(self._database.reader, scenario_id), ())
        recorder = self._make_recorder(actor, inputs, options, ())

        def work(connection: Connection) -> list[ScenarioInput]:
            if expect is not None:
                expect(_read_inputs(connection, scenario_id))
            nodes = _list_nodes(connection, scenario_id)
            recorder.record(connection, {node.config_id: node.id for node in nodes})
            return _read_inputs(connection, scenario_id)

        return recorder.run(lambda: self._database.write(work))

    def create_scenario(
        self, actor: Actor, new: NewScenario, inputs: Mapping[str, Any]
    ) -> Eligibility:
        """Create a scenario with values of its inputs, in one transaction.

        Raises:
            NotFoundError: No scenario config has the identifier.
            InvalidError: An attribute is invalid, or as `change`.
            ConflictError: As `change`, for data nodes that it shares with other scenarios.
        """
        actor.require(Permission.EDIT)
        config = get_config(self._registry.scenarios, new.config_id, "scenario")
        made = {node for task in config.tasks for node in task.outputs}
        candidates = [
            _Candidate(node.id, node.storage_type, node in made) for node in config.data_nodes
        ]
        self._check(inputs, candidates, IN_BODY)
        recorder = self._make_recorder(actor, inputs, NO_OPTIONS, IN_BODY)
        return recorder.run(lambda: self._scenarios.create_with_eligibility(actor, new, recorder))

    def fork_scenario(
        self, actor: Actor, scenario_id: str, new: NewFork, inputs: Mapping[str, Any]
    ) -> Fork:
        """Fork a scenario, and give the fork other values of its inputs, in one transaction.

        Raises:
            NotFoundError: There is no such scenario.
            InvalidError: An attribute is invalid, or as `change`.
            ConflictError: As `change`, for data nodes that it shares with other scenarios.
        """
        actor.require(Permission.EDIT)
        self._check(inputs, _find_candidates(self._database.reader, scenario_id), IN_BODY)
        recorder = self._make_recorder(actor, inputs, NO_OPTIONS, IN_BODY)
        return recorder.run(lambda: self._forks.fork(actor, scenario_id, new, recorder))

    def submit(self, actor: Actor, wanted: SubmitRequest) -> Submission:
        """Write inputs of a scenario, and submit it or one of its sequences, in one transaction.

        Its jobs read the values of the request, and jobs that were accepted before do not.

        Raises:
            NotFoundError: There is no such entity.
            InvalidError: As `change`.
            ConflictError: As `change`; also if the entity cannot be submitted now.
        """
        actor.require(Permission.EXECUTE)
        actor.require(Permission.EDIT)
        reader = self._database.reader
        earlier = find_earlier(SubmitBatch(reader, {}, {}), wanted)
        if earlier is not None:
            return earlier
        scenario_id = _find_scenario_id(reader, wanted)
        self._check(wanted.inputs, _find_candidates(reader, scenario_id), IN_BODY)
        recorder = self._make_recorder(actor, wanted.inputs, NO_OPTIONS, IN_BODY)

        def write_inputs(connection: Connection) -> None:
            nodes = _list_nodes(connection, scenario_id)
            recorder.record(connection, {node.config_id: node.id for node in nodes})

        return recorder.run(lambda: self._submissions.submit_after(actor, wanted, write_inputs))

    def plan(
        self,
        actor: Actor,
        entity_type: EntityType,
        entity_id: str,
        inputs: Mapping[str, Any],
        *,
        force: bool = False,
    ) -> list[TaskPlan]:
        """Return what a submit with values of inputs would do now; nothing is changed.

        Raises:
            NotFoundError, InvalidError, ConflictError: As `submit`.
        """
        actor.require(Permission.READ)
        reader = self._database.reader
        wanted = SubmitRequest(actor, entity_type, entity_id, SubmitOptions(), inputs=inputs)
        scenario_id = _find_scenario_id(reader, wanted)
        self._check(inputs, _find_candidates(reader, scenario_id), IN_BODY)
        recorder = self._make_recorder(actor, inputs, NO_OPTIONS, IN_BODY)

        def check_inputs(connection: Connection) -> Mapping[DataNodeId, Content]:
            nodes = _list_nodes(connection, scenario_id)
            return recorder.check(connection, {node.config_id: node.id for node in nodes})

        return recorder.run(
            lambda: self._plans.plan(
                actor, entity_type, entity_id, force=force, check_inputs=check_inputs
            )
        )

    def _check(
        self, inputs: Mapping[str, Any], candidates: Sequence[_Candidate], at: ValuePath
    ) -> None:
        """Refuse names that are not those of inputs, and values that do not fit their schemas.

        Raises:
            InvalidError: There are such; lists all.
        """
        by_name = {candidate.name: candidate for candidate in candidates}
        faults: list[ValueFault] = []
        for name, data in inputs.items():
            message = _find_name_fault(name, by_name)
            if message is not None:
                faults.append(ValueFault((*at, name), message))
            else:
                found = self._schemas.find_faults(name, data)
                faults += [fault.under((*at, name)) for fault in found]
        if faults:
            raise make_faults_error(faults, what="the inputs are not valid", code="inputs_invalid")

    def _make_recorder(
        self, actor: Actor, inputs: Mapping[str, Any], options: WriteOptions, at: ValuePath
    ) -> InputRecorder:
        return InputRecorder(
            self._writer,
            self._maker,
            actor,
            inputs,
            options=options,
            at=at,
            limits=self._limits,
            now=self._now,
        )


def _list_nodes(connection: Connection, scenario_id: str) -> list[NodeOfScenario]:
    """Return the data nodes of a scenario.

    Raises:
        NotFoundError: There is no such scenario.
    """
    require_found(scenario_rows.exists(connection, scenario_id), "scenario", scenario_id)
    return input_rows.list_nodes(connection, scenario_id)


def _read_inputs(connection: Connection, scenario_id: str) -> list[ScenarioInput]:
    nodes = [node for node in _list_nodes(connection, scenario_id) if not node.is_made]
    edits = input_rows.find_present_edits(connection, [node.id for node in nodes])
    found = []
    for node in nodes:
        edit = edits.get(node.id)
        is_kept_here = (
            node.storage_type not in EXTERNAL_STORAGE_TYPES and named_path(node.properties) is None
        )
        found.append(
            ScenarioInput(
                name=node.config_id,
                data_node_id=node.id,
                scope=node.scope,
                storage_type=node.storage_type,
                edit_id=None if edit is None else edit.edit_id,
                edited_at=None if edit is None else edit.edited_at,
                value=edit.rendition if edit is not None and is_kept_here else None,
            )
        )
    return found


def _find_candidates(connection: Connection, scenario_id: str) -> list[_Candidate]:
    return [
        _Candidate(node.config_id, node.storage_type, node.is_made)
        for node in _list_nodes(connection, scenario_id)
    ]


def _find_scenario_id(connection: Connection, wanted: SubmitRequest) -> str:
    if wanted.entity_type is not EntityType.SEQUENCE:
        return wanted.entity_id
    found = sequence_rows.find(connection, wanted.entity_id)
    return require_found(found, "sequence", wanted.entity_id).scenario_id


def _find_name_fault(name: str, candidates: Mapping[str, _Candidate]) -> str | None:
    found = candidates.get(name)
    if found is None:
        known = [item.name for item in candidates.values() if not item.is_made]
        near = get_close_matches(name[:100], known, n=1)
        listed = f"its inputs are: {', '.join(known)}" if known else "it has none"
        hint = f"did you mean {near[0]!r}?" if near else listed
        return f"the scenario has no such input; {hint}"
    if found.is_made:
        return "a task of the scenario writes this data node, so it is not an input"
    if found.storage_type in EXTERNAL_STORAGE_TYPES:
        return (
            f"its value is kept outside, as {found.storage_type}, where it cannot be written "
            "together with others; write the data node"
        )
    return None
