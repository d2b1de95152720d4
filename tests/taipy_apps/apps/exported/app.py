from taipy import Config


class Row:
    def __init__(self, city, days):
        self.city = city
        self.days = days


def total(rows, factor):
    return {"cities": [row.city for row in rows], "days": [row.days * factor for row in rows]}


def compare_totals(*totals):
    return len(totals)


Config.load("exported.toml")

if __name__ == "__main__":
    Config.export("exported.toml")
