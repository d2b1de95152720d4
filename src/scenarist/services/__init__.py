"""Use cases: each public method is one transaction and takes the actor first.

May import: config, domain, db, storage.
Never here: executors, the orchestrator, HTTP. A request never runs user code; it writes a row.
"""
