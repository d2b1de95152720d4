"""Notification of commits between the processes of a database, behind one protocol."""
