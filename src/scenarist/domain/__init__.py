"""What scenarios, sequences and jobs are, and what may happen to them.

May import: the standard library.
Never here: files, sockets, clocks, or any other room.
"""
