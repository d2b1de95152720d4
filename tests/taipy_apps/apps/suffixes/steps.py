def collect(*values):
    return [
        value if isinstance(value, (str, int, float, list, dict)) else str(value)
        for value in values
    ]
