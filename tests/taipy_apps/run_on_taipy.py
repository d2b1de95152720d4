"""Prints what Taipy makes of the applications; `make taipy-values` records it in values.json."""

import json
import logging
import sys
import types
from pathlib import Path
from typing import Any

from catalog import describe, run_each  # type: ignore[import-not-found]
from taipy import Config, Orchestrator, create_scenario, submit  # type: ignore[import-not-found]


def run(app: str, file: Path) -> dict[str, Any]:
    logging.disable(logging.CRITICAL)
    sys.path[:0] = [str(file.resolve().parent), str(Path.cwd())]
    if file.suffix == ".toml":
        Config.load(str(file))
    else:
        # Functions of an exported file are looked up in the main program.
        main = types.ModuleType("__main__")
        main.__dict__.update(__name__="served", __file__=str(file.resolve()))
        sys.modules["__main__"] = sys.modules["served"] = main
        exec(compile(file.read_text(), file, "exec"), main.__dict__)
    declared = describe(Config)
    Config.configure_job_executions(mode="development")
    Orchestrator().run()
    values = {}
    for id, config in list(Config.scenarios.items()):
        if id != "default":
            scenario = create_scenario(config)
            submit(scenario)
            values[id] = {
                name: node.read() if node.is_ready_for_reading else None
                for name, node in sorted(scenario.data_nodes.items())
            }
    return {"declared": declared, "values": values}


if __name__ == "__main__":
    print(json.dumps(run_each(run), sort_keys=True))
