"""Decides what runs next and records what came of it, one transaction for each step.

May import: domain, db, executors, and the places and targets of storage.
Never here: permissions, HTTP, user code; a step starts because something happened, never by a clock
that polls.
"""
