"""The REST API: parses a request, calls a service, builds the response.

May import: domain, observability, services, schemas, system.
Never here: the database, storages, executors; decisions that belong to a service.
"""
