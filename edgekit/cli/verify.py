"""`edgekit verify BUNDLE`: is it still the same model, and if not, which layer is guilty."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.cli import args as shared
from edgekit.cli.half import add_half, check_half, forecasts_of, run_repair
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_CHECK_FAILED, EXIT_OK, UserError

if TYPE_CHECKING:
    from edgekit.sources.inputs import InputSpec
    from edgekit.verifier import VerifyReport

_MOST_PLACES = 3
_PRECISIONS = ("fp32", "fp16", "fp16-storage", "bf16")
_EPILOG = """\
  edgekit verify build/mobilenet_v2
  edgekit verify build/mobilenet_v2 --precision fp16 --html build/verify.html
  edgekit verify build/mobilenet_v2 --precision fp16 --device qemu:cortex-a53 --device qemu:cortex-a76
  edgekit verify build/mobilenet_v2 --inputs photos.npz --ladder
  edgekit verify build/mobilenet_v2 --forecast fp16 --forecast bf16
  edgekit verify build/mobilenet_v2 --repair fp16 -o build/mobilenet_v2_phone
  edgekit verify shipped.param --model net.py:Net --input x=1x3x224x224 --weights net.pt

exit codes: 0 the same model within rounding, 1 a layer or an output diverges, or is forecast to
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Compare a bundle with its PyTorch model, layer by layer."
    parser = shared.command(subparsers, "verify", run, summary, _EPILOG)
    parser.add_argument(
        "bundle",
        metavar="BUNDLE",
        help="the folder that `edgekit export` wrote, or a .param of other make (with --model)",
    )
    shared.add_device(parser, several=True)
    shared.add_precision(parser, choices=_PRECISIONS, default="fp32")
    parser.add_argument("--threads", metavar="N", type=_thread_count, default=1, help="default: 1")
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        help="what to compare on: an .npz of inputs by name, an .npy, an image, a folder of images, a .wav "
        "(default: the bundle's own seeded inputs)",
    )
    parser.add_argument(
        "--model",
        metavar="SPEC",
        help="the model, PyTorch's or an .onnx file: for a .param of other make, and where --inputs "
        "needs one and the bundle's own is code that would be run",
    )
    shared.add_model_inputs(parser, "for a .param of other make: ")
    parser.add_argument("--weights", metavar="FILE", help="the checkpoint of that model, where it has one")
    parser.add_argument(
        "--repro",
        metavar="DIR",
        help="write the worst culprit alone, to be run with nothing but ncnn and numpy",
    )
    parser.add_argument(
        "--ladder", action="store_true", help="compare every stage of the conversion with the one before"
    )
    add_half(parser)
    parser.add_argument("--all", action="store_true", help="show every layer in the table")
    shared.add_files(parser, "json", "html", "junit")


def _thread_count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1024):
        raise UserError(f"'{text}' is not a number of threads", "give a whole number from 1 to 1024")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Verify, report, and return 1 when a layer or an output diverges."""
    check_destinations(args)
    check_half(args)
    if args.repair is not None:
        return run_repair(args)
    _check_fits(args)
    devices = list(dict.fromkeys(args.device or ["local"]))
    if len(devices) > 1:
        return _compare_devices(args, devices)
    args.device = devices[0]
    from edgekit.forecaster import with_forecasts
    from edgekit.report.terminal import Terminal
    from edgekit.report.verify.html import verify_html
    from edgekit.report.verify.junit import verify_junit
    from edgekit.report.verify.text import verify_text

    forecasts, folder = forecasts_of(args), Path.cwd()
    report, terminal = with_forecasts(_verify(args), forecasts), Terminal.of(sys.stdout)
    deliver(
        args,
        text=verify_text(
            report,
            terminal,
            everything=args.all,
            folder=folder,
            notes=_notes(args, report),
            forecasts=forecasts,
        ),
        document=report.to_json(),
        html=lambda: verify_html(report, folder),
        junit=lambda: verify_junit(report, folder),
    )
    holds = report.passed and all(each.holds for each in forecasts)
    return EXIT_OK if holds else EXIT_CHECK_FAILED


def _notes(args: argparse.Namespace, report: VerifyReport) -> list[str]:
    notes = []
    if args.repro and not report.passed:
        notes.append(f"{args.repro}: the worst culprit alone, runnable with ncnn and numpy")
    if args.model and report.target.endswith(".param") and report.culprits:
        notes.append(_pytorch_side(args, report))
    used = args.inputs or args.ladder or args.forecast or report.target.endswith(".param")
    if args.model and not used:
        notes.append(
            "--model was not needed: a bundle brings its reference (--inputs and --ladder run the model)"
        )
    return notes


def _pytorch_side(args: argparse.Namespace, report: VerifyReport) -> str:
    """Say where the PyTorch model would be mended, where that is what differs from a file that is right."""
    from edgekit.report.verify.words import culprits_of, place

    sources = [layer.source for layer in culprits_of(report) if layer.source is not None]
    names = (", ".join(filter(None, (each.module, place(each, Path.cwd())))) for each in sources)
    places = list(dict.fromkeys(name for name in names if name))
    shown = "; ".join(places[:_MOST_PLACES]) + (" and others" if len(places) > _MOST_PLACES else "")
    inputs = "".join(f" --input {shlex.quote(text)}" for text in args.input)
    command = f"edgekit diff {shlex.quote(report.target)} {shlex.quote(args.model)}{inputs}"
    return f"to mend the PyTorch side{f' ({shown})' if shown else ''}: {command}"


def _compare_devices(args: argparse.Namespace, devices: list[str]) -> int:
    """Verify on one device after the other and put the verdicts side by side."""
    from edgekit.devices import open_device
    from edgekit.report.verify.devices import devices_json, devices_text

    for option in ("html", "junit", "repro", "ladder", "forecast"):
        if getattr(args, option):
            raise UserError(f"--{option} takes one --device", "leave it out, or name one device")
    for device in devices:
        open_device(device)  # a wrong name ends it before minutes are spent on the others
    reports = {}
    for device in devices:
        args.device = device
        reports[device] = _verify(args)
    deliver(args, text=devices_text(reports), document=devices_json(reports))
    return EXIT_OK if all(report.passed for report in reports.values()) else EXIT_CHECK_FAILED


def _input_specs(texts: list[str]) -> tuple[InputSpec, ...]:
    from edgekit.sources.inputs import parse_input

    return tuple(parse_input(text) for text in texts)


def _check_fits(args: argparse.Namespace) -> None:
    """Refuse options that say nothing of this kind of target, before minutes are spent on it."""
    from edgekit.verifier import is_foreign

    if not is_foreign(args.bundle):
        if args.input:
            remedy = "leave it out: a bundle knows its own inputs"
            raise UserError("--input describes the inputs of a .param of other make", remedy)
        return
    for option in ("ladder", "inputs"):
        if getattr(args, option):
            remedy = "leave it out, or make a bundle with: edgekit export MODEL -o BUNDLE"
            raise UserError(f"--{option} needs a bundle", remedy)


def _verify(args: argparse.Namespace) -> VerifyReport:
    from edgekit.verifier import verify

    with StatusLine("verify") as status:
        status(f"running ncnn on {args.device}, whole and layer by layer")
        report = verify(
            args.bundle,
            device=args.device,
            precision=args.precision,
            inputs=args.inputs,
            model=args.model,
            threads=args.threads,
            weights=args.weights,
            repro=args.repro,
            input_specs=_input_specs(args.input),
        )
        if not args.ladder:
            return report
        from edgekit.ladder import climb, with_ladder

        status("climbing the stages of the conversion")
        ladder = climb(args.bundle, device=args.device, model=args.model, weights=args.weights)
        return with_ladder(report, ladder)
