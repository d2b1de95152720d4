"""Command line: parses arguments, calls, prints; an error is one line on standard error.

May import: server, config, pictures, domain, client, schemas, system.
Never here: services, db; commands use them through the composition root.
"""

from scenarist.cli.main import app, main

__all__ = ["app", "main"]
