"""Commands for sequences."""

from cyclopts import App

from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client
from scenarist.cli.inputs import NO_INPUTS, InputFlags, read_inputs
from scenarist.cli.options import Number, Switch, Texts
from scenarist.cli.planning import plan_and_print
from scenarist.cli.printing import print_entity, print_result, print_rows
from scenarist.cli.submitting import DEFAULT_SUBMIT_FLAGS, SubmitFlags, submit_and_follow

group = App(name="sequence")


@group.command
def create(scenario: str, name: str, /, *tasks: str, access: Access = DEFAULT_ACCESS) -> None:
    """Group tasks of a scenario as a sequence, and print the identifier of the sequence.

    Args:
        scenario: The identifier of the scenario.
        name: The name of the sequence.
        tasks: Its tasks, each by its identifier or its config.
    """
    with open_client(access) as client:
        ids = {}
        if tasks:
            ids = {task.config_id: task.id for task in client.tasks.list(scenario_id=scenario)}
        made = client.sequences.create(scenario, name, [ids.get(task, task) for task in tasks])
    print_result(made, made.id, as_json=access.json)


@group.command(name="list")
def list_sequences(
    *,
    scenario: Texts = None,
    name: Texts = None,
    version: Texts = None,
    limit: Number = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """List sequences, oldest first.

    Args:
        scenario: Only those of this scenario. Can be repeated, like the other filters.
        name: Only those with this name.
        version: Only those of this version of the application.
        limit: The maximum number to list [100; with --json all].
    """
    with open_client(access) as client:
        print_rows(
            client.sequences.list(scenario_id=scenario, name=name, version=version),
            {
                "id": lambda sequence: sequence.id,
                "name": lambda sequence: sequence.name,
                "tasks": lambda sequence: len(sequence.tasks),
                "created": lambda sequence: sequence.creation_date,
                "version": lambda sequence: sequence.version,
            },
            as_json=access.json,
            limit=limit,
        )


@group.command
def show(sequence: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Show a sequence.

    Args:
        sequence: Its identifier.
    """
    with open_client(access) as client:
        print_entity(client.sequences.get(sequence), as_json=access.json)


@group.command
def plan(
    sequence: str,
    /,
    *,
    given: InputFlags = NO_INPUTS,
    force: Switch = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Show what a submit would run now, and why, without submitting.

    Args:
        sequence: Its identifier.
        force: Plan a submit with this option.
    """
    inputs = read_inputs(given)
    with open_client(access) as client:
        plan_and_print(client.sequences.plan, sequence, access, force=bool(force), inputs=inputs)


@group.command
def submit(
    sequence: str,
    /,
    *,
    given: InputFlags = NO_INPUTS,
    options: SubmitFlags = DEFAULT_SUBMIT_FLAGS,
    access: Access = DEFAULT_ACCESS,
) -> int:
    """Submit a sequence, and print the identifier of the submission.

    Args:
        sequence: Its identifier.
    """
    inputs = read_inputs(given)
    with open_client(access) as client:
        return submit_and_follow(
            client, client.sequences.submit, sequence, options, access, inputs=inputs
        )


@group.command
def delete(sequence: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Delete a sequence; its jobs and their results are kept.

    Args:
        sequence: Its identifier.
    """
    with open_client(access) as client:
        client.sequences.delete(sequence)
    print_result({"deleted": sequence}, f"Sequence {sequence} was deleted.", as_json=access.json)
