def apply_rates(model, rates):
    return [model * rate for rate in rates]
