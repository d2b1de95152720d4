"""The records of Scenarist in SQLite (and PostgreSQL), behind one set of tables.

May import: domain.
Never here: the values of data nodes, user code, HTTP. Only engine.py begins and commits.
"""
