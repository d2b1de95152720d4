"""Where the value of a data node lives, and how it looks as JSON.

May import: domain.
Never here: the database; a place is plain data, and who points at it is not known here.
"""
