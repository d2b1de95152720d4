"""Where user code runs: behind one small protocol, in processes that know no database.

May import: domain, storage.
Never here: the database, services, HTTP. Records cross process borders, never exceptions.
"""
