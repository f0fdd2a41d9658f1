"""`edgekit diff A B`: every difference between two networks that matters."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from edgekit.cli import args as shared
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_CHECK_FAILED, EXIT_OK, EXIT_USER_ERROR

if TYPE_CHECKING:
    from edgekit.differ import DiffReport

_EPILOG = """\
A and B are bundles, .param files of any converter, or model specs as in `edgekit export`.
What is to be changed is said of the one that is a model, of B where both or neither are.

  edgekit diff shipped.param net.py:Net --input image=1x3x224x224
  edgekit diff build/mobilenet_v2 other.param --json diff.json

exit codes: 0 the same, 1 different
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Compare the structures of two networks, and say what to change in the PyTorch one."
    parser = shared.command(subparsers, "diff", run, summary, _EPILOG)
    parser.add_argument("a", metavar="A", help="the left side, which is taken to be right")
    parser.add_argument("b", metavar="B", help="the right side")
    shared.add_model_inputs(parser)
    shared.add_route(parser)
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Compare, report, and return 1 when something differs."""
    check_destinations(args)
    from edgekit.differ.sides import is_ncnn
    from edgekit.exporter import ExportError
    from edgekit.report.diff_text import diff_text
    from edgekit.report.export_text import failure_text
    from edgekit.report.terminal import Terminal

    try:
        report = _diff(args)
    except ExportError as error:
        sys.stderr.write(failure_text(error, args.a if is_ncnn(args.b) else args.b))
        return EXIT_USER_ERROR
    deliver(args, text=diff_text(report, Terminal.of(sys.stdout)), document=report.to_json())
    return EXIT_OK if report.same else EXIT_CHECK_FAILED


def _diff(args: argparse.Namespace) -> DiffReport:
    from edgekit.differ import diff
    from edgekit.sources.inputs import parse_input

    inputs = [parse_input(text) for text in args.input]
    with StatusLine("diff") as status:
        return diff(args.a, args.b, inputs=inputs, route=args.route, progress=status)
