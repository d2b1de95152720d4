"""Puts a server together and runs it: settings, sign-in, the HTTP server, background work.

May import: every other package.
Never here: logic of requests or jobs. Only the command line imports it.
"""
