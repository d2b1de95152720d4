"""All commands together, and how a failed one ends."""

import sys
from collections.abc import Sequence

from cyclopts import App

from scenarist.cli import databases, identities, serving
from scenarist.domain.errors import ScenaristError

app = App(
    name="scenarist",
    help="An open scenario server: declare scenarios in Python, work with them over REST.",
    version_flags=["--version"],
)
for command in (serving.serve, serving.demo, serving.check):
    app.command(command)
for group in (databases.group, identities.users, identities.keys, identities.secrets):
    app.command(group)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exits with 1 when the command failed, 2 when it was not understood."""
    try:
        app(list(arguments) if arguments is not None else None)
    except ScenaristError as error:
        print(f"scenarist: {error.message}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
