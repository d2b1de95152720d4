"""Puts a server together and runs it: settings, sign-in, the HTTP server, background work.

May import every other room; only the command line imports it.
"""
