"""Commands for data nodes and their values."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from scenarist.cli.connecting import DEFAULT_ACCESS, Access, open_client
from scenarist.cli.options import Number, Text, Texts
from scenarist.cli.printing import print_entity, print_result, print_rows, to_json
from scenarist.domain.errors import InvalidError

group = App(name="datanode")

Conditions = Annotated[list[str] | None, Parameter(name="--where", negative="")]
Columns = Annotated[list[str] | None, Parameter(name="--column", negative="")]


@group.command(name="list")
def list_data_nodes(
    *,
    scenario: Texts = None,
    config: Texts = None,
    version: Texts = None,
    limit: Number = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """List data nodes, oldest first.

    Args:
        scenario: Only those of this scenario. Can be repeated, like the other filters.
        config: Only those of this config.
        version: Only those of this version of the application.
        limit: The maximum number to list [100; with --json all].
    """
    with open_client(access) as client:
        print_rows(
            client.data_nodes.list(scenario_id=scenario, config_id=config, version=version),
            {
                "id": lambda node: node.id,
                "config": lambda node: node.config_id,
                "storage": lambda node: node.storage_type,
                "scope": lambda node: node.scope,
                "written": lambda node: node.last_edit_date,
                "version": lambda node: node.version,
            },
            as_json=access.json,
            limit=limit,
        )


@group.command
def show(node: str, /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Show a data node, without its value.

    Args:
        node: Its identifier.
    """
    with open_client(access) as client:
        print_entity(client.data_nodes.get(node), as_json=access.json)


@group.command
def read(
    node: str,
    /,
    *,
    column: Columns = None,
    where: Conditions = None,
    limit: Number = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Print the value of a data node as JSON; with --json on one line.

    Args:
        node: Its identifier.
        column: Only this column. Can be repeated.
        where: Only rows that meet this condition, such as temp:GREATER_THAN:20. Can be repeated.
        limit: The maximum number of rows.
    """
    with open_client(access) as client:
        value = client.data_nodes.read(node, columns=column, where=where, limit=limit)
    print(to_json(value, indent=None if access.json else 2))


@group.command
def write(
    node: str,
    value: Text = None,
    /,
    *,
    file: Text = None,
    editor: Text = None,
    comment: Text = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Write a value, and print the identifier of the edit.

    Args:
        node: The identifier of the data node.
        value: The value as JSON. Without a value or a file, it is read from standard input.
        file: A JSON file that contains the value.
        editor: The name of the editor [the user of the request].
        comment: The reason.
    """
    import msgspec

    if value is not None and file is not None:
        raise InvalidError("both a value and a file are given; give one of them")
    content = msgspec.Raw(_read_content(value, file))
    with open_client(access) as client:
        written = client.data_nodes.write(node, content, editor_id=editor, comment=comment)
    print_result(written, written.edit_id, as_json=access.json)


@group.command
def download(node: str, target: Path = Path(), /, *, access: Access = DEFAULT_ACCESS) -> None:
    """Download a value as a file, and print the path of the file.

    Args:
        node: The identifier of the data node.
        target: A file, or a folder [the current one].
    """
    with _report_file_errors(target, "written"), open_client(access) as client:
        stored = client.data_nodes.download(node, target)
    print_result({"file": str(stored)}, stored, as_json=access.json)


@group.command
def upload(
    node: str,
    file: Path,
    /,
    *,
    editor: Text = None,
    comment: Text = None,
    access: Access = DEFAULT_ACCESS,
) -> None:
    """Upload a file as the value of a data node, and print the identifier of the edit.

    Args:
        node: The identifier of the data node.
        file: A file in the format of the data node's storage.
        editor: The name of the editor [the user of the request].
        comment: The reason.
    """
    with _report_file_errors(file, "read"), open_client(access) as client:
        written = client.data_nodes.upload(node, file, editor_id=editor, comment=comment)
    print_result(written, written.edit_id, as_json=access.json)


def _read_content(value: str | None, file: str | None) -> bytes:
    if value is not None:
        return value.encode()
    if file is None:
        return sys.stdin.buffer.read()
    with _report_file_errors(file, "read"):
        return Path(file).read_bytes()


@contextmanager
def _report_file_errors(file: Path | str, what: str) -> Iterator[None]:
    """Turn an OSError within the block into an error that names the file."""
    try:
        yield
    except OSError as error:
        raise InvalidError(f"{file} cannot be {what}: {error.strerror or error}") from error
