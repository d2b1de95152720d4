"""What every room may use of the operating system: background threads, file modes, module paths.

Imports nothing of Scenarist but `observability`.
"""
