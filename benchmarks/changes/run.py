"""Does `edgekit diff` name the layer that was changed, by the right key, and nothing else?

    python benchmarks/changes/run.py [FOLDER ...] [--json FILE] [--each 2] [--only NAME ...]

FOLDER holds `.param` files, such as ncnn's own `benchmark/models`; without one the zoo is exported. Every
kind of change is tried at some layers of every network, chosen with a fixed seed: against the file as it is,
and against one that is also written otherwise throughout. Every equivalent rewrite is tried on every network.
The JSON is written after each network, in the order of the folder or of --only.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import windows
import wires
from rewrites import REWRITES
from subjects import ZOO, Subject, of_folder, of_zoo
from table import summary, table
from trials import Outcome, try_change, try_rewrite

from edgekit import schema
from edgekit.cli.progress import StatusLine

CHANGES = (*windows.CHANGES, *wires.CHANGES)


def main() -> int:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--each", type=int, default=2, help="layers for each kind of change in each network")
    parser.add_argument("--only", nargs="+", help="networks by name")
    parser.add_argument("--changes", nargs="+", help="changes and rewrites by name")
    parser.add_argument("--build", type=Path, default=Path("build/changes"), help="for exports of the zoo")
    args = parser.parse_args()
    outcomes: list[Outcome] = []
    with StatusLine("changes") as status, tempfile.TemporaryDirectory() as scratch:
        for subject in _subjects(args):
            status(subject.name)
            for outcome in tried(subject, args.each, args.changes, Path(scratch)):
                outcomes.append(outcome)
                if not outcome.exact:
                    sys.stderr.write(f"{outcome}\n")
            if args.json:
                schema.write_json(summary(outcomes), args.json)
    sys.stdout.write(table(summary(outcomes)))
    return 0


def _subjects(args: argparse.Namespace) -> Iterator[Subject]:
    for folder in args.folders:
        found = {subject.name: subject for subject in of_folder(folder)}
        yield from (found[name] for name in args.only or found if name in found)
    if not args.folders:
        yield from of_zoo([name for name in ZOO if args.only is None or name in args.only], args.build)


def tried(subject: Subject, each: int, names: Sequence[str] | None, folder: Path) -> Iterator[Outcome]:
    """Yield the outcomes of all changes and rewrites of one network."""
    for change in CHANGES:
        if names is not None and change.__name__ not in names:
            continue
        seed = zlib.crc32(f"{subject.name} {change.__name__}".encode())
        order = np.random.default_rng(seed).permutation(len(subject.graph))
        found = 0
        for index in map(int, order):
            outcomes = [
                try_change(subject, change, index, seed + index, folder, disguised=disguised)
                for disguised in (False, True)
            ]
            yield from (outcome for outcome in outcomes if outcome is not None)
            found += outcomes[0] is not None
            if found == each:
                break
    for rewrite in REWRITES:
        if names is None or rewrite.__name__ in names:
            outcome = try_rewrite(subject, rewrite, zlib.crc32(subject.name.encode()), folder)
            if outcome is not None:
                yield outcome


if __name__ == "__main__":
    sys.exit(main())
