"""Does `edgekit verify` name the faulty layer? Faults of 64 kinds, put into the zoo one or two at a time.

    python benchmarks/faults/run.py [--quick] [--models "NAME ..."] [--json FILE] [--folder build/faults]

Every fault is tried twice: in an artefact that was aligned while it was clean (what `edgekit verify` meets),
and in one that was faulty when first seen (a conversion that went wrong, a file of other make). Clean models
of many seeds tell the false alarms. Prints a table in markdown. A run that is broken off goes on later.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import nets
import subjects
import torch
from effect import Tensors, clean_results
from table import summary, table
from trials import COUNTED, Site, after, before, inject, sites
from warm import WarmDevice

from edgekit import schema
from edgekit.cli.progress import StatusLine
from edgekit.devices import Device
from edgekit.errors import EdgekitError

QUICK = ("mobilenet_v2:resolution=96", "shufflenet_v2:resolution=96", "norms", "resampling")
SEEDS = 20


class Journal:
    """What was done, a line of JSON each, so that a run can be broken off and taken up again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        self.done = {entry["key"]: entry for entry in map(json.loads, lines)}

    def add(self, key: str, entry: dict[str, object]) -> None:
        """Keep the outcome of one trial."""
        self.done[key] = {"key": key, **entry}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.done[key]) + "\n")


def main() -> int:
    """Run what is asked for and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="four models, three seeds: a few minutes")
    parser.add_argument("--models", help="instead of all, separated by spaces")
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument(
        "--folder", type=Path, default=Path("build/faults"), help="for bundles and the journal"
    )
    args = parser.parse_args()
    torch.set_num_threads(1)
    device = WarmDevice()
    models = args.models.split() if args.models else list(QUICK if args.quick else subjects.MODELS)
    journal = Journal(args.folder / ("quick.jsonl" if args.quick else "journal.jsonl"))
    with StatusLine("faults") as status:
        for name in models:
            status(name)
            for _ in trial_model(name, args.folder, journal, device, quick=args.quick):
                status(name)
        for name in models:
            status(f"{name}, clean")
            clean(name, 3 if args.quick else SEEDS, args.folder, journal, device)
    results = summary(list(journal.done.values()))
    if args.json:
        schema.write_json(results, args.json)
    sys.stdout.write(table(results))
    return 0


def trial_model(name: str, folder: Path, journal: Journal, device: Device, *, quick: bool) -> Iterator[None]:
    """Put faults into one model: single ones, then pairs of those that count."""
    if f"{name}: done" in journal.done:
        return
    subject = subjects.load(name, folder, device)
    untouched = clean_results(subject)
    counted: list[Site] = []
    for site in sites(subject):
        record = trial(subject, (site,), journal, untouched)
        if record["group"] == "single":
            counted.append(site)
        yield
    for pair in pairs(counted, 4 if quick else 8):
        trial(subject, pair, journal, untouched)
        yield
    journal.add(f"{name}: done", {"what": "model"})


def pairs(sites: list[Site], count: int) -> list[tuple[Site, Site]]:
    """Choose pairs of faults in different layers: each with the one half the list away, then a third."""
    found = [
        (sites[first], sites[(first + len(sites) // step) % len(sites)])
        for step in (2, 3)
        for first in range(len(sites))
    ]
    return [pair for pair in found if pair[0].layer != pair[1].layer][:count]


def trial(
    subject: subjects.Subject, faults: tuple[Site, ...], journal: Journal, untouched: Tensors
) -> dict[str, object]:
    """Try some faults after and before alignment; return the first outcome."""
    key = f"{subject.name}: " + ", ".join(f"{site.kind} {site.layer}" for site in faults)
    if f"{key}, after" not in journal.done:
        graph = inject(subject, faults)
        if graph is None:
            journal.add(f"{key}, after", {"group": "none"})
        else:
            found = after(subject, faults, graph, untouched)
            if found.group in COUNTED:
                journal.add(f"{key}, before", {"what": "fault", **before(subject, found, graph).to_json()})
            journal.add(f"{key}, after", {"what": "fault", **found.to_json()})
    return dict(journal.done[f"{key}, after"])


def clean(name: str, seeds: int, folder: Path, journal: Journal, device: Device) -> None:
    """Judge a clean model many times over: a small net with other weights each time, others on other inputs.

    Every layer is judged; what is called wrong is a false alarm. An export that fails is one too.
    """
    subject: subjects.Subject | None = None
    for seed in range(seeds):
        key = f"{name}: clean, seed {seed}"
        if key in journal.done:
            continue
        try:
            if subject is None or name in nets.NETS:
                subject = subjects.load(name, folder, device, seed if name in nets.NETS else 0)
            report = subject.on_other_inputs(seed)
            alarms = [layer.name for layer in report.layers if layer.status.value == "fail"]
            alarms += [output.name for output in report.outputs if output.status.value == "fail"]
            entry = {"layers": report.compared, "of": len(report.layers), "alarms": alarms}
        except EdgekitError as error:
            entry = {"layers": 0, "of": 0, "alarms": [str(error)]}
        journal.add(key, {"what": "clean", "model": name, "seed": seed, **entry})


if __name__ == "__main__":
    sys.exit(main())
