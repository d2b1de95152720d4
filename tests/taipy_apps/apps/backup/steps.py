"""What a backup that Taipy wrote refers to."""

import json


class Row:
    def __init__(self, a, b):
        self.a, self.b = a, b


class Enc(json.JSONEncoder):
    pass


class Dec(json.JSONDecoder):
    pass


def one(x, y):
    return [x, str(y)]


def rd(*args):
    return list(args)


def wr(data, file):
    with open(file, "w") as out:
        out.write(str(data))


def wq(data):
    return "delete from t"


def cmp(*values):
    return len(values)
