"""Executors run user code, behind one small protocol, in processes without a database connection.

May import: domain, observability, storage, system.
Never here: the database, services, HTTP. Records cross process borders, never exceptions.
"""
