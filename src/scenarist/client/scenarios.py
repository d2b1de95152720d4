"""Scenarios: create from configs, change, compare, submit, delete."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, UnsetType

from scenarist import schemas
from scenarist.client.data_frames import as_json, as_json_of_each
from scenarist.client.entities import AnyOf, Listing, Timestamp, build_if_match, format_timestamp
from scenarist.client.subscribers import Subscribable
from scenarist.client.transport import Call, Transport, path_of


class Comparisons(dict[str, dict[str, Any]]):
    """Results of comparators, by data node config and by comparator.

    Args:
        errors: Why other comparators have no result.
    """

    def __init__(
        self, results: Mapping[str, dict[str, Any]], errors: Sequence[schemas.ComparisonProblem]
    ) -> None:
        super().__init__(results)
        self.errors = errors


class Scenarios(Subscribable[schemas.Scenario]):
    _name = "scenarios"
    _results = schemas.Results[schemas.Scenario]

    def _read_one(self, body: bytes) -> schemas.Scenario:
        return self._transport.read(body, schemas.OneScenario).scenario

    def configs(self) -> Sequence[schemas.ScenarioConfig]:
        """Return the configs from which scenarios can be created."""
        call = Call(method="GET", path=path_of("configs", "scenarios"))
        return self._transport.fetch(call, schemas.Results[schemas.ScenarioConfig]).results

    def config(self, config_id: str) -> schemas.ScenarioConfigWithInputs:
        """Return a config with the inputs of its scenarios: schemas, defaults, titles and so on."""
        call = Call(method="GET", path=path_of("configs", "scenarios", config_id))
        return self._transport.fetch(call, schemas.OneScenarioConfig).config

    def drift(self) -> schemas.DriftReport:
        """Return how existing entities differ from what the application declares now."""
        return self._transport.fetch(
            Call(method="GET", path=path_of("configs", "drift")), schemas.DriftReport
        )

    def create(
        self,
        config_id: str,
        *,
        name: str | None = None,
        tags: Sequence[str] = (),
        properties: Mapping[str, Any] | None = None,
        creation_date: Timestamp | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> schemas.Scenario:
        """Create a scenario with its cycle, data nodes, tasks and sequences.

        The request is not sent again when the connection breaks: check whether the scenario exists.

        Args:
            creation_date: A timestamp or a date, which determines the cycle; the default is now.
            inputs: Values of inputs by name: anything that JSON can represent, or data frames.

        Raises:
            InvalidError: A name is not that of an input, or a value does not fit; `errors` has all.
        """
        body = schemas.CreateScenario(
            config_id=config_id,
            name=name,
            tags=list(tags),
            properties=dict(properties or {}),
            creation_date=format_timestamp(creation_date),
            inputs=as_json_of_each(inputs),
        )
        call = Call(method="POST", path=path_of(self._name), body=body)
        return self._transport.fetch(call, schemas.ScenarioCreated).scenario

    def fork(
        self,
        id: str,
        *,
        name: str | None = None,
        tags: Sequence[str] | UnsetType = UNSET,
        properties: Mapping[str, Any] | UnsetType = UNSET,
        creation_date: Timestamp | None = None,
        inputs: Mapping[str, Any] | None = None,
    ) -> schemas.ScenarioForked:
        """Create a scenario that starts from the present values of another one.

        The request is not sent again when the connection breaks: check whether the fork exists.

        Args:
            tags: The default is those of the other scenario.
            properties: Merged into those of the other scenario; None removes one.
            creation_date: A timestamp or a date, which determines the cycle; by default the fork is
                in the cycle of the other scenario.
            inputs: Values of inputs by name: anything that JSON can represent, or data frames.

        Raises:
            InvalidError: A name is not that of an input, or a value does not fit; `errors` has all.
        """
        body = schemas.ForkScenario(
            name=name,
            tags=UNSET if isinstance(tags, UnsetType) else list(tags),
            properties=UNSET if isinstance(properties, UnsetType) else dict(properties),
            creation_date=format_timestamp(creation_date),
            inputs=as_json_of_each(inputs),
        )
        call = Call(method="POST", path=path_of(self._name, id, "fork"), body=body)
        return self._transport.fetch(call, schemas.ScenarioForked)

    def change(
        self,
        id: str,
        *,
        name: str | UnsetType | None = UNSET,
        tags: Sequence[str] | UnsetType = UNSET,
        properties: Mapping[str, Any] | UnsetType = UNSET,
        if_match: str | None = None,
    ) -> schemas.Scenario:
        """Change the given fields; properties are merged, and None removes one."""
        body = schemas.ChangeScenario(
            name=name,
            tags=UNSET if isinstance(tags, UnsetType) else list(tags),
            properties=UNSET if isinstance(properties, UnsetType) else dict(properties),
        )
        path = path_of(self._name, id)
        call = Call(method="PATCH", path=path, body=body, headers=build_if_match(if_match))
        return self._transport.fetch(call, schemas.OneScenario).scenario

    def inputs(self, id: str) -> Mapping[str, schemas.ScenarioInput]:
        """Return the inputs of a scenario by name, with their values unless these are large."""
        call = Call(method="GET", path=path_of(self._name, id, "inputs"))
        return self._transport.fetch(call, schemas.ScenarioInputs).inputs

    def write_inputs(
        self,
        id: str,
        inputs: Mapping[str, Any],
        *,
        editor_id: str | None = None,
        comment: str | None = None,
        if_match: str | None = None,
    ) -> Mapping[str, schemas.ScenarioInput]:
        """Write inputs of a scenario by name, all or none; return all its inputs.

        Args:
            inputs: Anything that JSON can represent, or data frames.
            editor_id: The name of the editor; the default is the actor of the request.
            comment: The reason.
            if_match: The tag of the inputs; the write fails if they have changed since.

        Raises:
            InvalidError: A name is not that of an input, or a value does not fit; `errors` has all.
            ConflictError: A job that has not ended uses one of the data nodes, or another editor
                has locked it.
        """
        call = Call(
            method="PATCH",
            path=path_of(self._name, id, "inputs"),
            query={"editor_id": editor_id, "comment": comment},
            headers={**build_if_match(if_match), "Content-Type": "application/json"},
            content=as_json(dict(as_json_of_each(inputs))),
        )
        return self._transport.fetch(call, schemas.ScenarioInputs).inputs

    def delete(
        self, id: str, *, dry_run: bool = False, if_match: str | None = None
    ) -> schemas.Deletion:
        """Delete a scenario with everything it owns.

        Args:
            dry_run: Change nothing; return what would be deleted.
        """
        return delete_cascading(self._transport, path_of(self._name, id), dry_run, if_match)

    def promote(self, id: str) -> schemas.Scenario:
        """Make a scenario the primary one of its cycle."""
        call = Call(method="POST", path=path_of(self._name, "promote", id), may_repeat=True)
        return self._transport.fetch(call, schemas.ScenarioAnswer).scenario

    def upgrade(
        self, id: str, *, dry_run: bool = False, if_match: str | None = None
    ) -> schemas.Upgrade:
        """Bring a scenario to the structure that its config declares now; values stay.

        Args:
            dry_run: Change nothing; return what would be changed.

        Returns:
            The changes; empty if there is nothing to upgrade.

        Raises:
            ConflictError: A submission of it has not ended, or its config is gone.
        """
        call = Call(
            method="POST",
            path=path_of(self._name, id, "upgrade"),
            body=schemas.UpgradeOptions(dry_run=dry_run),
            headers=build_if_match(if_match),
            may_repeat=if_match is None,
        )
        return self._transport.fetch(call, schemas.ScenarioUpgraded).upgrade

    def compare(
        self, ids: Sequence[str], *, data_node_config_ids: Sequence[str] | None = None
    ) -> Comparisons:
        """Run the comparators of a config on several scenarios of that config.

        Returns:
            The results, by data node config and by comparator; ``errors`` says why other
            comparators have no result.

        Raises:
            ConflictError: No comparator has a result.
        """
        chosen = UNSET if data_node_config_ids is None else list(data_node_config_ids)
        body = schemas.CompareScenarios(scenario_ids=list(ids), data_node_config_ids=chosen)
        call = Call(
            method="POST",
            path=path_of(self._name, "compare"),
            body=body,
            wait_seconds=60,
            may_repeat=True,
        )
        found = self._transport.fetch(call, schemas.Comparison)
        return Comparisons(found.comparisons, found.errors)

    def differences(
        self,
        ids: Sequence[str],
        *,
        base: str | None = None,
        all: bool = False,  # noqa: A002 - as the parameter of REST
        data_node: str | None = None,
    ) -> schemas.SideBySide:
        """Compare the inputs and outcomes of 2 to 20 scenarios with those of one of them.

        Args:
            base: The scenario with which the others are compared; the default is the first.
            all: Whether to return also the inputs that are the same in all.
            data_node: A data node config whose tables are returned by columns.
        """
        call = Call(
            method="GET",
            path=path_of(self._name, "compare"),
            query={
                "ids": list(ids),
                "base": base,
                "all": "true" if all else None,
                "data_node": data_node,
            },
            wait_seconds=60,
        )
        return self._transport.fetch(call, schemas.SideBySide)

    def list(
        self,
        *,
        id: AnyOf | None = None,
        config_id: AnyOf | None = None,
        cycle_id: AnyOf | None = None,
        tag: AnyOf | None = None,
        primary: bool | None = None,
        name: AnyOf | None = None,
        version: AnyOf | None = None,
        forked_from: AnyOf | None = None,
        search: str | None = None,
        inputs: AnyOf | None = None,
        last_submission: bool | None = None,
        created_after: Timestamp | None = None,
        created_before: Timestamp | None = None,
        outcome_min: Mapping[str, float] | None = None,
        outcome_max: Mapping[str, float] | None = None,
        sort: str | None = None,
    ) -> Listing[schemas.Scenario]:
        """List scenarios in the order of their creation dates, or of ``sort``.

        Args:
            search: Words, of which each is a part of the name, of a tag or of the identifier.
            inputs: Names of inputs whose values, if they are small, are in ``inputs`` of each.
            last_submission: Whether each has its ``last_submission``.
            outcome_min: Only those whose outcomes are at least these numbers, by name.
            outcome_max: Only those whose outcomes are at most these numbers, by name.
            sort: ``creation_date``, ``name``, or ``outcomes.`` and the name of an outcome; with a
                leading ``-``, the order is reversed.
        """
        arguments = dict(locals())
        least, most = arguments.pop("outcome_min"), arguments.pop("outcome_max")
        arguments |= {f"outcomes.{key}_min": bound for key, bound in (least or {}).items()}
        arguments |= {f"outcomes.{key}_max": bound for key, bound in (most or {}).items()}
        return self._list(arguments)


def delete_cascading(
    transport: Transport, path: str, dry_run: bool, if_match: str | None
) -> schemas.Deletion:
    """Delete an entity together with everything it owns."""
    query = {"dry_run": "true"} if dry_run else {}
    call = Call(method="DELETE", path=path, query=query, headers=build_if_match(if_match))
    return transport.fetch(call, schemas.Deletion)
