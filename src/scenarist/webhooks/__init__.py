"""Webhooks: sends subscribers a message for each status change of a job, with retries.

May import: domain, db, system.
Never here: services, api, storages, executors, the orchestrator; nothing waits for a receiver.
"""
