"""Authentication of credentials: passwords, tokens, directories and identity providers.

May import: domain.
Never here: db, services, api; records of users and sessions are in db.
"""
