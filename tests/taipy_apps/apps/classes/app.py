from taipy.core.config import Config


class Person:
    def __init__(self, name, age, rating):
        self.name, self.age, self.rating = name, age, rating


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


def describe(people, points):
    return [
        [f"{person.name}/{person.age}/{person.rating}" for person in people],
        [point.x + point.y for point in points],
    ]


people = Config.configure_csv_data_node("people", "people.csv", exposed_type=Person)
points = Config.configure_csv_data_node(
    "points", "points.csv", has_header=False, exposed_type=Point
)
texts = Config.configure_data_node("texts")
Config.configure_scenario(
    "describing", [Config.configure_task("describe", describe, [people, points], texts)]
)
