"""Executors run user code, behind one small protocol, in processes without a database connection.

May import: domain, storage.
Never here: the database, services, HTTP. Records cross process borders, never exceptions.
"""
