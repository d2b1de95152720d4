"""What every package may use of the operating system: background threads, file modes, module paths.

May import: no other package.
Never here: anything about scenarios: only what the operating system offers.
"""
