"""The job machine in the database: jobs are enqueued, claimed, completed, cancelled, abandoned.

Each module is a step in the life of a job; `rows` reads them.
"""
