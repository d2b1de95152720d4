"""Logs, traces and metrics of this process, for every package.

May import: domain.
Never here: decisions: it only records what other packages report.
"""
