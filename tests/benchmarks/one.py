"""The process that runs one benchmark on one database: `python -m tests.benchmarks.one`, started by `__main__`."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os

from tests.benchmarks.arena import Arena, Options


def main() -> None:
    asked = json.loads(os.environ["BENCHMARK"])
    module = importlib.import_module(f"tests.benchmarks.{asked['module']}")
    findings = getattr(module, asked["function"])(Arena(Options(**asked["options"])))
    with open(asked["result"], "w") as file:
        json.dump(dataclasses.asdict(findings), file)


if __name__ == "__main__":
    main()
