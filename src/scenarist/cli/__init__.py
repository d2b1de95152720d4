"""The command line: parses, calls, prints; one line on standard error says what went wrong.

May import: bootstrap, authorization, administration, config, pictures, settings, domain, client.
Never here: services, db; what they do is called through the composition root.
"""

from scenarist.cli.main import app, main

__all__ = ["app", "main"]
