"""REST over the services: parse, call, answer.

May import: domain, services, schemas.
Never here: the database, storages, executors; no decision that a service should make.
"""
