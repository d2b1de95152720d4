"""Run the randomized checker: `python -m chaos --help`, with `tests` on the path of Python."""

import argparse
import json
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from chaos.nemesis import FAKETIME, FAULTS, faults_of
from chaos.runner import Plan, run
from postgres_server import PostgresServer

FOUND_SHOWN = 5


def main() -> int:
    options = _options()
    available = faults_of(options.database)
    faults = available if options.faults is None else tuple(filter(None, options.faults.split(",")))
    if unknown := sorted(set(faults) - set(FAULTS)):
        sys.exit(f"there is no fault {unknown[0]!r}; there are {', '.join(FAULTS)}")
    if "clock" in faults and not FAKETIME:
        sys.exit("clock needs libfaketime (Debian: faketime); LIBFAKETIME may name its file")
    if unfit := sorted(set(faults) - set(available)):
        sys.exit(f"{unfit[0]} needs --database postgresql")
    failed = 0
    with ExitStack() as stack:
        postgres = None
        if options.database == "postgresql":
            postgres = stack.enter_context(PostgresServer())
        for seed in range(options.seed, options.seed + options.runs):
            plan = Plan(seed, options.servers or 1 + seed % 3, options.seconds, faults)
            failed += not _run(plan, postgres)
    return min(failed, 1)


def _run(plan: Plan, postgres: PostgresServer | None) -> bool:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    url = f"sqlite:///{folder}/scenarist.db"
    if postgres is not None:
        postgres.run(f"CREATE DATABASE chaos_{plan.seed}")
        url = postgres.url(f"chaos_{plan.seed}")
    result = run(plan, folder, url, postgres)
    broken = result.broken
    print(f"seed {plan.seed}, {plan.servers} servers: {json.dumps(result.summary)}")
    for law, sentences in broken.items():
        print(f"BROKEN {law}, {len(sentences)} times:")
        for sentence in sentences[:FOUND_SHOWN]:
            print(f"  {sentence}")
    if broken:
        database = "sqlite" if postgres is None else "postgresql"
        print(
            f"again: python -m chaos --seed {plan.seed} --database {database} --servers "
            f"{plan.servers} --seconds {plan.seconds:g} --faults {','.join(plan.faults)}\n"
            f"files, with errors.json of the logs: {folder}"
        )
        (folder / "errors.json").write_text(json.dumps(result.errors, indent=1))
    else:
        shutil.rmtree(folder)
    sys.stdout.flush()
    return not broken


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first run [1]")
    parser.add_argument("--runs", type=int, default=1, help="each with the next seed [1]")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--servers", type=int, choices=[1, 2, 3], help="[by the seed]")
    parser.add_argument("--seconds", type=float, default=12, help="of each run [12]")
    parser.add_argument("--faults", help=f"of {', '.join(FAULTS)}, with commas [all that can be]")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
