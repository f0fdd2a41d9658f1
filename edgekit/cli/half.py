"""The half-precision side of `edgekit verify`: `--forecast fp16` and `--repair fp16 -o NEW_BUNDLE`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.cli.output import deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_OK, UserError

if TYPE_CHECKING:
    from edgekit.forecaster import Forecast


def add_half(parser: argparse.ArgumentParser) -> None:
    """Add the options to the parser of `verify`."""
    parser.add_argument(
        "--forecast",
        metavar="P",
        action="append",
        choices=("fp16", "fp16-storage", "bf16"),
        default=[],
        help="fp16, fp16-storage or bf16: tell here what that will do to each layer on an ARM core; "
        "several times for several",
    )
    parser.add_argument(
        "--repair",
        metavar="P",
        choices=("fp16",),
        help="fp16: find the fewest layers to keep out of half precision, prove it on the device "
        "(default: qemu:cortex-a76) and write the bundle that has them so; a second --device is timed on",
    )
    parser.add_argument(
        "-o", "--output", metavar="NEW_BUNDLE", help="where --repair writes the repaired bundle"
    )


def check_half(args: argparse.Namespace) -> None:
    """Refuse options that do not go together, before any work is done.

    Raises:
        UserError: an output without a repair, a repair without one or with what it does not take.
    """
    if args.forecast and args.bundle.endswith(".param"):
        raise UserError("--forecast needs a bundle", "export the model, or leave it out")
    if args.repair is None:
        if args.output is not None:
            raise UserError("-o is where --repair writes", "add --repair fp16, or leave -o out")
        return
    if args.output is None:
        raise UserError("--repair needs a place for the repaired bundle", "add -o NEW_BUNDLE")
    if Path(args.output).absolute() == Path(args.bundle).absolute():
        raise UserError("the repaired bundle would take the place of its source", "choose another -o")
    for option in ("inputs", "model", "weights", "repro", "ladder", "input", "junit", "forecast"):
        if getattr(args, option):
            raise UserError(f"--{option} and --repair do not go together", "verify first, then repair")


def forecasts_of(args: argparse.Namespace) -> tuple[Forecast, ...]:
    """Compute the forecasts that are asked for, each precision once."""
    if not args.forecast:
        return ()
    from edgekit.forecaster import forecast

    with StatusLine("forecast") as status:
        found = []
        for precision in dict.fromkeys(args.forecast):
            status(f"computing every layer as ncnn does in {precision}")
            found.append(forecast(args.bundle, precision))
        return tuple(found)


def run_repair(args: argparse.Namespace) -> int:
    """Repair, report, and return 0: what cannot be repaired is an error with its own exit code."""
    from edgekit.repairer import repair, with_repair
    from edgekit.report.repair_text import repair_text
    from edgekit.report.terminal import Terminal
    from edgekit.report.verify.html import verify_html

    proof, timed = _devices(args.device or [])
    with StatusLine("repair") as status:
        found = repair(
            args.bundle,
            args.output,
            precision=args.repair,
            device=proof,
            timed_on=timed,
            threads=args.threads,
            progress=status,
        )
    report, folder = with_repair(found), Path.cwd()
    deliver(
        args,
        text=repair_text(found, Terminal.of(sys.stdout), folder),
        document=report.to_json(),
        html=lambda: verify_html(report, folder),
    )
    return EXIT_OK


def _devices(names: list[str]) -> tuple[str, str | None]:
    """Return what the repair is proven on, an emulated device where there is one, and what it is timed on."""
    from edgekit.devices import open_device
    from edgekit.repairer import DEFAULT_DEVICE

    unique = list(dict.fromkeys(names))
    emulated = [name for name in unique if open_device(name).emulated]
    real = [name for name in unique if name not in emulated]
    if len(emulated) > 1 or len(real) > 1:
        raise UserError(
            "--repair takes one emulated and one real --device", "it is proven on one, timed on the other"
        )
    if not emulated and real:
        return real[0], None
    return next(iter(emulated), DEFAULT_DEVICE), next(iter(real), None)
