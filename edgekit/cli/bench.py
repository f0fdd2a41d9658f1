"""`edgekit bench TARGET...`: how fast, how steady, how much memory, and where the time goes."""

from __future__ import annotations

import argparse
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.cli import args as shared
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_CHECK_FAILED, EXIT_OK, UserError, did_you_mean, require

if TYPE_CHECKING:
    from edgekit.bencher import BenchReport

_EPILOG = """\
  edgekit bench build/mobilenet_v2 --threads 1,2
  edgekit bench build/a build/b --compare --certified
  edgekit bench build/a --against yesterday.json
  edgekit bench build/a --device local --device ssh:board --device adb
  edgekit bench --import bench-mobilenet_v2.json --html build/phone.html

exit codes: 0 measured, 1 something got slower than --against says
"""

_MEASURING = ("device", "precision", "layers", "quick", "certified", "compare", "runtime", "cpus", "input")


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Time a model in ncnn, with its spread, its conditions and its memory."
    parser = shared.command(subparsers, "bench", run, summary, _EPILOG)
    parser.add_argument(
        "targets", metavar="TARGET", nargs="*", help="a bundle, a .param, a suite.toml or a model"
    )
    shared.add_device(parser, several=True)
    shared.add_threads(parser)
    parser.add_argument(
        "--precision",
        metavar="LIST",
        type=precision_list,
        help=f"{', '.join(shared.PRECISIONS)}; several as in fp32,bf16 (default: the bundle's own)",
    )
    shared.add_input_shapes(parser)
    shared.add_seed(parser)
    parser.add_argument("--layers", action="store_true", help="time each layer too")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="at least 50 runs and 1 s (the default)")
    length.add_argument("--certified", action="store_true", help="at least 1024 runs and 60 s, cool-down")
    parser.add_argument("--compare", action="store_true", help="say which target is faster, or that none is")
    parser.add_argument(
        "--import",
        dest="imported",
        metavar="FILE",
        help="show what was measured before, or by the Android app",
    )
    parser.add_argument("--against", metavar="FILE", help="earlier --json; exit 1 if anything got slower")
    parser.add_argument(
        "--runtime",
        metavar="LIST",
        type=lambda text: tuple(part.strip() for part in text.split(",")),
        default=(),
        help="also time the model in onnxruntime, torch or both",
    )
    parser.add_argument(
        "--cpus", metavar="CPUS", help="CPUs to run on: 0,2-3, or a cluster: big, little, all"
    )
    parser.add_argument(
        "--openmp-wait",
        metavar="POLICY",
        choices=("active", "passive"),
        default="active",
        help="how OpenMP threads wait between layers: active or passive (default: active)",
    )
    parser.add_argument("--plots", metavar="FOLDER", help="write every plot as SVG and PNG")
    shared.add_files(parser, "json", "html")


def precision_list(text: str) -> tuple[str, ...]:
    """Read `fp32,bf16` as names of precisions.

    Raises:
        UserError: one of them does not exist.
    """
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for name in names:
        if name not in shared.PRECISIONS:
            remedy = did_you_mean(name, shared.PRECISIONS) or "choose from " + ", ".join(shared.PRECISIONS)
            raise UserError(f"'{name}' is not a value of --precision", remedy)
    return names


def run(args: argparse.Namespace) -> int:
    """Measure and report."""
    check_destinations(args)
    if args.html or args.plots:
        require("matplotlib", "report")  # before minutes are spent on measuring
    devices = list(dict.fromkeys(args.device or ["local"]))
    if len(devices) > 1 and not args.imported:
        return _compare_devices(args, devices)
    from edgekit.report.bench.text import bench_text

    report = _import(args) if args.imported else _measure(args, devices[0])
    deliver(args, text=bench_text(report), document=report.to_json(), html=lambda: _html(report))
    if args.plots:
        from edgekit.report.bench.plots import write_figures

        write_figures(report, Path(args.plots))
    if report.interrupted and not args.imported:
        raise KeyboardInterrupt
    return EXIT_OK if report.holds else EXIT_CHECK_FAILED


def _compare_devices(args: argparse.Namespace, devices: list[str]) -> int:
    """Measure on one device after the other (they may share a machine); put the figures side by side."""
    from edgekit.devices import open_device
    from edgekit.report.bench.devices import devices_json, devices_text

    for option in ("html", "plots", "compare", "against", "runtime"):
        if getattr(args, option):
            raise UserError(f"--{option} takes one --device", "leave it out, or name one device")
    for device in devices:
        open_device(device)  # a wrong name ends it before minutes are spent on the others
    reports = {device: _measure(args, device) for device in devices}
    deliver(args, text=devices_text(reports), document=devices_json(reports))
    return EXIT_OK


def _html(report: BenchReport) -> str:
    from edgekit.report.bench.html import bench_html

    return bench_html(report)


def _journal(args: argparse.Namespace) -> Path | None:
    """Where a long bench keeps what it has measured, so that the same command goes on after Ctrl-C."""
    if not args.certified and not any(target.endswith(".toml") for target in args.targets):
        return None
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    names = "\n".join(os.path.realpath(target) for target in args.targets)
    return cache / "edgekit" / f"bench-{hashlib.sha256(names.encode()).hexdigest()[:16]}.jsonl"


def _import(args: argparse.Namespace) -> BenchReport:
    """Read what was measured elsewhere; options that say how to measure would change nothing."""
    from edgekit.bencher import against, load_report

    earlier = against.load(args.against) if args.against else None
    given = [f"--{name}" for name in _MEASURING if getattr(args, name)]
    if args.targets or given:
        what = args.targets[0] if args.targets else given[0]
        raise UserError(f"--import measures nothing, so '{what}' has no effect", "leave it out")
    report = load_report(args.imported)
    return report if earlier is None else against.check(report, earlier)


def _measure(args: argparse.Namespace, device: str) -> BenchReport:
    from edgekit.bencher import OpenMp, Pinning, against, bench
    from edgekit.devices import open_device

    earlier = against.load(args.against) if args.against else None
    if earlier is not None:
        against.check_targets(args.targets, earlier)
        against.check_device(open_device(device).info(), earlier)
    with StatusLine("bench") as status:
        report = bench(
            args.targets,
            threads=args.threads,
            precision=args.precision,
            device=device,
            certified=args.certified,
            layers=args.layers,
            compare=args.compare,
            inputs=dict(args.input),
            runtimes=args.runtime,
            seed=args.seed or 0,
            pinning=Pinning.parse(args.cpus) if args.cpus else None,
            openmp=OpenMp(wait_policy=args.openmp_wait),
            journal=_journal(args),
            progress=status,
        )
    return report if earlier is None else against.check(report, earlier)
