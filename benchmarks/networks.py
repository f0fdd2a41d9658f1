"""Time the networks of ncnn's own benchmark table on this machine, certified.

    python benchmarks/networks.py --json build/bench/networks.json [--threads 1,2] [--quick]

Exports the zoo's networks into build/bench once. Ctrl-C keeps what was measured; the same command goes on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import edgekit
from edgekit import schema
from edgekit.cli.progress import StatusLine
from edgekit.report.bench.text import bench_text
from edgekit.units import parse_int_list

# zoo name -> name in ncnn's table (benchmarks/published.toml)
NETWORKS = {
    "mobilenet_v1": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3_large": "mobilenet_v3",
    "shufflenet_v1": "shufflenet",
    "shufflenet_v2": "shufflenet_v2",
}
FOLDER = Path("build/bench")


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--threads", type=parse_int_list, default=(1, 2))
    parser.add_argument("--quick", action="store_true", help="50 runs and 1 s instead of 1024 and 60 s")
    args = parser.parse_args()
    bundles = [FOLDER / name for name in NETWORKS]
    with StatusLine("networks") as status:
        for name, bundle in zip(NETWORKS, bundles, strict=True):
            if not bundle.is_dir():
                status(f"exporting {name}")
                edgekit.export(name, bundle)
        report = edgekit.bench(
            bundles,
            threads=args.threads,
            precision="fp32",
            certified=not args.quick,
            layers=True,
            journal=FOLDER / "networks.journal.jsonl",
            progress=status,
        )
    schema.write_json(report.to_json(), args.json)
    sys.stdout.write(bench_text(report))
    return 130 if report.interrupted else 0


if __name__ == "__main__":
    sys.exit(main())
