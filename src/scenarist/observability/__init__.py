"""Logs, traces and metrics of this process, for every room.

May import: domain.
Never here: decisions: it only records what other packages report.
"""
