"""Isolates the jobs of a worker: what a job changes is restored, or the worker is replaced."""
