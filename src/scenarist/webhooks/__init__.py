"""Tells subscribers what becomes of jobs: a message for each change of status, until it arrives.

May import: domain, db.
Never here: services, api, storages, executors, the orchestrator; nothing waits for a receiver.
"""
