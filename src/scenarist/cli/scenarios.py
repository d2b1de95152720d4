"""Commands for scenarios."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Parameter

from scenarist import schemas
from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client
from scenarist.cli.inputs import NO_INPUTS, InputFlags, read_inputs, read_pairs
from scenarist.cli.options import Number, Switch, Text, Texts
from scenarist.cli.outcomes import (
    NO_OUTCOME_FLAGS,
    OutcomeFlags,
    describe_scenario,
    outcome_columns,
    print_side_by_side,
    read_bounds,
)
from scenarist.cli.planning import plan_and_print
from scenarist.cli.printing import (
    print_fields,
    print_json,
    print_line,
    print_result,
    print_rows,
    print_to_stderr,
    to_json,
)
from scenarist.cli.submitting import DEFAULT_SUBMIT_FLAGS, SubmitFlags, submit_and_follow
from scenarist.cli.upgrading import upgrade_and_print
from scenarist.domain.errors import InvalidError

group = App(name="scenario")

Tags = Annotated[list[str] | None, Parameter(name="--tag", negative="")]
DataNodes = Annotated[list[str] | None, Parameter(name="--data-node", negative="")]
Properties = Annotated[list[str] | None, Parameter(name="--property", negative="")]


@group.command(name="configs")
def list_configs(*, access: Access = DEFAULT_ACCESS) -> None:
    """List the scenario configs."""
    with open_client(access) as client:
        print_rows(
            client.scenarios.configs(),
            {
                "config": lambda config: config.id,
                "frequency": lambda config: config.frequency,
                "tasks": lambda config: len(config.tasks),
                "sequences": lambda config: list(config.sequences),
            },
            as_json=access.json,
            limit=None,
        )


@group.command
def create(
    config: str,
    /,
    *,
    name: Text = None,
    tag: Tags = None,
    properties: Properties = None,
    given: InputFlags = NO_INPUTS,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Create a scenario from a config, and print its identifier.

    Args:
        config: The scenario config.
        name: The name of the scenario.
        tag: A tag. Can be repeated.
        properties: NAME=VALUE, stored with the scenario; a value that is not JSON is text. Can be
            repeated.
    """
    inputs = read_inputs(given)
    named = read_pairs(properties, "--property")
    with open_client(access) as client:
        made = client.scenarios.create(
            config,
            name=name,
            tags=tag or [],
            properties=named,
            inputs=inputs,
        )
    print_result(made, made.id, as_json=access.json)


@group.command
def fork(
    scenario: str,
    /,
    *,
    name: Text = None,
    tag: Tags = None,
    properties: Properties = None,
    given: InputFlags = NO_INPUTS,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Create a scenario that starts from the present values of another, and print its identifier.

    Args:
        scenario: The identifier of the other scenario.
        name: The name of the new scenario.
        tag: A tag, instead of those of the other scenario. Can be repeated.
        properties: NAME=VALUE, beside the properties of the other scenario; a value that is not
            JSON is text, and null removes a property. Can be repeated.
    """
    from msgspec import UNSET

    inputs = read_inputs(given)
    named = read_pairs(properties, "--property")
    with open_client(access) as client:
        made = client.scenarios.fork(
            scenario, name=name, tags=tag or UNSET, properties=named or UNSET, inputs=inputs
        )
    print_result(made, made.scenario.id, as_json=access.json)
    for item in made.not_shared:
        print_to_stderr(f"{item.config_id}: {item.because}")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ListFlags:
    """What is listed.

    Args:
        config: Only those of this config. Can be repeated, like the other filters.
        name: Only those with this name.
        tag: Only those with this tag.
        version: Only those of this version of the application.
        forked_from: Only those that were forked from this scenario.
        search: Only those with all these words in the name, the tags or the identifier.
        input: An input whose values are shown, if they are small. Can be repeated.
    """

    config: Texts = None
    name: Texts = None
    tag: Texts = None
    version: Texts = None
    forked_from: Texts = None
    search: Text = None
    input: Texts = None


EVERYTHING = ListFlags()


@group.command(name="list")
def list_scenarios(
    *,
    flags: ListFlags = EVERYTHING,
    judged: OutcomeFlags = NO_OUTCOME_FLAGS,
    limit: Number = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """List scenarios, oldest first or in the order of --sort, each with its last submission.

    Args:
        limit: The maximum number to list [100; with --json all].
    """
    at_least, at_most = read_bounds(judged.least, "--min"), read_bounds(judged.most, "--max")
    with open_client(access) as client:
        print_rows(
            client.scenarios.list(
                config_id=flags.config,
                name=flags.name,
                tag=flags.tag,
                version=flags.version,
                forked_from=flags.forked_from,
                search=flags.search,
                inputs=flags.input,
                last_submission=True,
                outcome_min=at_least,
                outcome_max=at_most,
                sort=judged.sort,
            ),
            {
                "id": lambda scenario: scenario.id,
                "name": lambda scenario: scenario.name,
                "primary": lambda scenario: scenario.primary_scenario,
                "tags": lambda scenario: scenario.tags,
                "created": lambda scenario: scenario.creation_date,
                "version": lambda scenario: scenario.version,
                "last": lambda scenario: (
                    scenario.last_submission and scenario.last_submission.status
                ),
                **{name: partial(_read_input, name) for name in flags.input or []},
                **outcome_columns([*(judged.outcome or []), *at_least, *at_most], judged.sort),
            },
            as_json=access.json,
            limit=limit,
        )


def _read_input(name: str, scenario: schemas.Scenario) -> Any:
    return scenario.inputs.get(name) if scenario.inputs else None


@group.command
def show(scenario: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Show a scenario, and which operations are possible now.

    Args:
        scenario: Its identifier.
    """
    with open_client(access) as client:
        found = client.scenarios.get(scenario)
    if access.json:
        print_json(found)
    else:
        print_fields(describe_scenario(found))


@group.command(name="inputs")
def show_inputs(
    scenario: str, /, *, given: InputFlags = NO_INPUTS, access: Access = DEFAULT_ACCESS
) -> None:
    """Show the inputs of a scenario; with values, write these first, all or none.

    Args:
        scenario: Its identifier.
    """
    inputs = read_inputs(given)
    with open_client(access) as client:
        found = (
            client.scenarios.write_inputs(scenario, inputs)
            if inputs
            else client.scenarios.inputs(scenario)
        )
    if access.json:
        print_json(found)
    else:
        from msgspec import UNSET

        print_fields(
            {
                name: "-" if item.value is UNSET else to_json(item.value)
                for name, item in found.items()
            }
        )


@group.command
def compare(*scenarios: str, data_nodes: DataNodes = None, access: Access = DEFAULT_ACCESS) -> int:
    """Run the comparators of a config on scenarios, and print their results as JSON.

    The exit code is 1 if a comparator has no result.

    Args:
        scenarios: The identifiers of two or more scenarios of one config.
        data_nodes: Only this data node config. Can be repeated.
    """
    with open_client(access) as client:
        compared = client.scenarios.compare(scenarios, data_node_config_ids=data_nodes)
    if access.json:
        print_json({"comparisons": compared, "errors": compared.errors})
    else:
        print(to_json(compared, indent=2))
        for error in compared.errors:
            print_to_stderr(f"{error.data_node_config_id}: {error.message}")
    return 1 if compared.errors else 0


@group.command
def diff(
    *scenarios: str,
    base: Text = None,
    all_inputs: Annotated[bool | None, Parameter(name="--all", negative="")] = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Show in which inputs scenarios differ, and their outcomes side by side.

    Args:
        scenarios: The identifiers of 2 to 20 scenarios.
        base: The scenario with which the others are compared [the first].
        all_inputs: Show also the inputs that are the same in all.
    """
    with open_client(access) as client:
        found = client.scenarios.differences(scenarios, base=base, all=bool(all_inputs))
    if access.json:
        print_json(found)
    else:
        print_side_by_side(found)


@group.command
def plan(
    scenario: str,
    /,
    *,
    given: InputFlags = NO_INPUTS,
    force: Switch = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Show what a submit would run now, and why, without submitting.

    Args:
        scenario: Its identifier.
        force: Plan a submit with this option.
    """
    inputs = read_inputs(given)
    with open_client(access) as client:
        plan_and_print(client.scenarios.plan, scenario, access, force=bool(force), inputs=inputs)


@group.command
def submit(
    scenario: str,
    /,
    *,
    given: InputFlags = NO_INPUTS,
    options: SubmitFlags = DEFAULT_SUBMIT_FLAGS,
    access: Access = DEFAULT_ACCESS,
) -> int:
    """Submit all tasks of a scenario, and print the identifier of the submission.

    Args:
        scenario: Its identifier.
    """
    inputs = read_inputs(given)
    with open_client(access) as client:
        return submit_and_follow(
            client, client.scenarios.submit, scenario, options, access, inputs=inputs
        )


@group.command
def upgrade(
    *scenarios: str,
    all_of: Text = None,
    dry_run: Switch = None,
    access: Access = DEFAULT_ACCESS,
) -> int:
    """Bring scenarios to the structure that their config declares now; values stay.

    The exit code is 1 if one of them cannot be upgraded.

    Args:
        scenarios: Their identifiers.
        all_of: Instead, upgrade all scenarios of this config.
        dry_run: Change nothing; report what would be changed.
    """
    if (all_of is None) is not bool(scenarios):
        raise InvalidError("name the scenarios to upgrade, or their config with --all-of")
    with open_client(access) as client:
        ids = (
            scenarios
            if all_of is None
            else [scenario.id for scenario in client.scenarios.list(config_id=all_of)]
        )
        if not ids:
            print_to_stderr(f"There is no scenario of the config {all_of!r}.")
        return upgrade_and_print(client, ids, access, dry_run=bool(dry_run))


@group.command
def delete(scenario: str, /, *, dry_run: Switch = None, access: Access = DEFAULT_ACCESS) -> None:
    """Delete a scenario with everything it owns.

    Args:
        scenario: Its identifier.
        dry_run: Change nothing; report what would be deleted.
    """
    with open_client(access) as client:
        deletion = client.scenarios.delete(scenario, dry_run=bool(dry_run))
    if access.json:
        print_json(deletion)
        return
    print_line(deletion.message)
    counts = {kind: len(ids) for kind, ids in deletion.deleted.items() if ids}
    if counts:
        print_line(
            ", ".join(f"{kind.replace('_', ' ')}: {count}" for kind, count in counts.items())
        )
