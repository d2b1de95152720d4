"""Python values as every storage meets them: their types, their fields, their text as JSON."""
