"""Decides which jobs run next and records their outcomes, in one transaction per step.

May import: db, domain, executors, observability, storage (locations and targets), system.
Never here: permissions, HTTP, user code, polling. A step starts because something happened.
"""
