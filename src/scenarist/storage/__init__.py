"""Storage of values: reads and writes the value of a data node, and renders it as JSON.

May import: domain, system.
Never here: the database. A location is plain data, and no edit is known here.
"""
