"""Tables in memory: their types, selections of rows, and their forms as JSON."""
