"""What SQLite and PostgreSQL each do in their own way, behind one protocol."""
