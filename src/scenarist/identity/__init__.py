"""Says who stands behind a credential: passwords, tokens, directories and issuers of tokens.

May import: domain.
Never here: db, services, api; what is kept of a user or a session is a record of db.
"""
