"""ASGI middleware: authentication, cross-origin rules, methods, the request log."""
