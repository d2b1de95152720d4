"""Logs, traces and metrics of this process, for every room.

Imports only `domain`.
"""
