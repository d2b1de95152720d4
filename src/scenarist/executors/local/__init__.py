"""The local executor: a pool of worker processes, forked from a template."""
