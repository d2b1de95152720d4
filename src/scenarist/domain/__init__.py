"""Entities, values and rules of the domain: what scenarios and jobs are, and what they may do.

May import: the standard library.
Never here: files, sockets, clocks, or any other package.
"""
