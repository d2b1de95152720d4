"""Keeps jobs of one worker process apart: what a job changes is put back, or costs the worker."""
