"""Storage of values: reads and writes the value of a data node, and renders it as JSON.

May import: domain.
Never here: the database. A location is plain data; this room does not know which edit refers to it.
"""
