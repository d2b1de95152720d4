"""Decides which jobs run next and records their outcomes, in one transaction per step.

May import: domain, db, executors, and the places and targets of storage.
Never here: permissions, HTTP, user code, polling. A step starts because something happened.
"""
