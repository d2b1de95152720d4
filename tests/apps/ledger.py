"""The application of the randomized checker: each value tells what it must have been made of.

Two kinds of scenario write to each other's global data node, so that all their submissions form one
chain: the order in which they were accepted decides each value of it.
"""

import hashlib
import json
import os
import random
import time
from datetime import timedelta
from typing import Any

from scenarist import ConfigRegistry, Scope

RUNS = "LEDGER_RUNS"
"""The variable that names the file in which each run of a function leaves a line."""

LARGE = 150_000
"""Bytes of a value that is too large for the database."""

Value = dict[str, Any]

registry = ConfigRegistry()


def digest_of(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:20]


def opened(balance: str, rate: Value, order: Value) -> Value:
    """What `open_entry` returns for these."""
    return {"digest": digest_of("open", balance, rate, order), "rate": rate, **_ballast(order)}


def closed(entry: Value, order: Value) -> Value:
    """What `close_entry` returns for these."""
    return {"digest": digest_of("close", entry["digest"], entry["rate"], order), **_ballast(order)}


def _ballast(order: Value) -> Value:
    return {"ballast": "x" * LARGE} if order["conduct"] == "large" else {}


def open_entry(balance: Value, rate: Value, order: Value) -> Value:
    result = opened(balance["digest"], rate, order)
    _note(result["digest"])
    _behave(order["conduct"])
    return result


def close_entry(entry: Value, order: Value) -> Value:
    result = closed(entry, order)
    _note(result["digest"])
    return result


def _note(digest: str) -> None:
    file = os.open(os.environ[RUNS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(file, f"{digest}\n".encode())
    os.close(file)


def _behave(conduct: str) -> None:
    if conduct == "slow":
        time.sleep(random.uniform(0.2, 1.0))
    elif conduct == "fails":
        raise ValueError("asked to fail")
    elif conduct == "wavers" and random.random() < 0.5:
        raise RuntimeError("asked to fail this time")
    elif conduct == "dies" and random.random() < 0.4:
        os._exit(3)


CONDUCTS = ("quick", "quick", "slow", "fails", "wavers", "dies", "large")

left = registry.configure_json_data_node(
    "left", scope=Scope.GLOBAL, default_data={"digest": "left"}
)
right = registry.configure_json_data_node(
    "right", scope=Scope.GLOBAL, default_data={"digest": "right"}
)
rate = registry.configure_json_data_node("rate", scope=Scope.GLOBAL, default_data={"number": 0})
order = registry.configure_json_data_node("order", default_data={"conduct": "quick", "name": ""})
journal = registry.configure_json_data_node("journal", scope=Scope.GLOBAL, default_data=[])
outward = registry.configure_json_data_node("outward")
homeward = registry.configure_json_data_node("homeward")

_again: Any = {"retries": 3, "retry_delay": timedelta(milliseconds=100)}
open_outward = registry.configure_task(
    "open_outward", open_entry, [left, rate, order], outward, **_again
)
close_outward = registry.configure_task("close_outward", close_entry, [outward, order], right)
open_homeward = registry.configure_task(
    "open_homeward", open_entry, [right, rate, order], homeward, **_again
)
close_homeward = registry.configure_task("close_homeward", close_entry, [homeward, order], left)

registry.configure_scenario(
    "out", [open_outward, close_outward], sequences={"all": [open_outward, close_outward]}
)
registry.configure_scenario(
    "home", [open_homeward, close_homeward], sequences={"all": [open_homeward, close_homeward]}
)
registry.configure_scenario("notes", [], additional_data_node_configs=[journal])
