"""Metadata of Scenarist in SQLite or PostgreSQL, with one set of tables for both.

May import: domain, observability, system.
Never here: the values of data nodes, user code, HTTP. Only engine.py begins and commits
transactions.
"""
