"""Use cases: a public method is usually one transaction, and takes the actor first.

May import: config, db, domain, identity, observability, storage, system, taipy.
Never here: executors, the orchestrator, HTTP. A request never runs user code; it writes a row.
"""
