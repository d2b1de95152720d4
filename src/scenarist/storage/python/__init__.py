"""Python values: their types, their fields, their text as JSON."""
