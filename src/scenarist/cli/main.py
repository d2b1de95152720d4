"""The command line application, and how errors become exit codes."""

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import TYPE_CHECKING, Literal

from cyclopts import App

from scenarist.cli import databases, drawing, identities, importing, serving, sessions
from scenarist.domain.errors import ScenaristError
from scenarist.domain.redaction import redact

if TYPE_CHECKING:
    from scenarist.client import ClientError

app = App(
    name="scenarist",
    help="An open scenario server: declare scenarios in Python, work with them over REST.",
    version_flags=["--version"],
    help_format="plaintext",
)
app.command(serving.serve)
app.command(serving.orchestrate)
app.command(serving.demo)
app.command(serving.check)
app.command(drawing.graph)
for group in (
    databases.group,
    databases.cache,
    importing.group,
    identities.users,
    identities.keys,
    identities.secrets,
):
    app.command(group)
app.command(sessions.login)
app.command(sessions.logout)
app.command(sessions.whoami)
for name, module, summary in (
    ("scenario", "scenarios", "Work with the scenarios of a server."),
    ("sequence", "sequences", "Work with the sequences of a server."),
    ("submission", "submissions", "Follow the submissions of a server."),
    ("orchestration", "orchestration", "Pause and resume all jobs of a server."),
    ("job", "jobs", "Inspect and cancel the jobs of a server."),
    ("datanode", "data_nodes", "Read and write the data nodes of a server."),
):
    # Imported when one of its commands is run.
    app.command(f"scenarist.cli.{module}:group", name=name, help=summary)


@app.command
def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script that completes commands and options in a shell.

    Args:
        shell: bash, zsh or fish.
    """
    print(app.generate_completion(shell=shell))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; docs/client.md lists the exit codes."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Show characters that the terminal cannot encode as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(list(arguments) if arguments is not None else None)
    except ScenaristError as error:
        print(f"scenarist: {redact(error.message)}", file=sys.stderr)
        sys.exit(1)
    except _get_client_errors() as error:
        from scenarist.cli.exit_codes import report_error

        sys.exit(report_error(error))
    except BrokenPipeError:
        # The reader of the output has closed the pipe. Without this, Python would print an error
        # when it flushes the rest at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _get_client_errors() -> "tuple[type[ClientError], ...]":
    # Code that raises one of them has imported them; most commands need no client.
    module = sys.modules.get("scenarist.client")
    return () if module is None else (module.ClientError,)
