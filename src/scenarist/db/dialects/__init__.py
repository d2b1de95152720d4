"""Dialects: where SQLite and PostgreSQL differ, behind one protocol."""
