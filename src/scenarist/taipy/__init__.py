"""Reads what an application of Taipy left in its folder: records as JSON files, and values.

May import: domain.
Never here: entities, the database; nothing is written, and no value is opened.
"""
