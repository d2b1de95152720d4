"""Use cases: one public method, one transaction, the actor first.

May import: config, domain, db, storage.
Never here: executors, the orchestrator, HTTP; a request never runs user code, it writes a row.
"""
