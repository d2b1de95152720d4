"""What every room may use of the operating system: background threads, file modes, module paths.

May import: observability.
Never here: anything about scenarios: only what the operating system offers.
"""
