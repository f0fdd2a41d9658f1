"""Put the committed results into README.md and benchmarks/README.md.

    python benchmarks/faults/run.py --json benchmarks/results/faults.json
    python benchmarks/faults/publish.py

Each file has a place between two comments; what stands there is replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from table import SCHEMA, brief, table

from edgekit import schema

ROOT = Path(__file__).resolve().parents[2]
RESULTS = "benchmarks/results/faults.json"
BEGIN, END = f"<!-- from {RESULTS} -->\n", f"<!-- end of {RESULTS} -->\n"


def main() -> int:
    """Write both tables."""
    results = schema.load_json(ROOT / RESULTS, SCHEMA)
    for name, text in pages(results).items():
        path = ROOT / name
        path.write_text(placed(path.read_text("utf-8"), text), "utf-8")
    return 0


def pages(results: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in each file."""
    return {"README.md": brief(results), "benchmarks/README.md": table(results)}


def placed(page: str, text: str) -> str:
    """Return the page with the text between its comments."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{text}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    sys.exit(main())
