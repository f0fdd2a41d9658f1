"""`edgekit inspect NCNN`: what a model is made of and what it costs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from edgekit.cli import args as shared
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_OK

if TYPE_CHECKING:
    from edgekit.inspector import InspectReport

_EPILOG = """\
NCNN is a bundle, or a .param with or without its .bin, of any converter.

  edgekit inspect build/mobilenet_v2
  edgekit inspect net.param --input data=1x3x320x320
  edgekit inspect net.param --netron
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Summarise an ncnn model: layers, shapes, parameters, MACs, memory, and what is unusual."
    parser = shared.command(subparsers, "inspect", run, summary, _EPILOG)
    parser.add_argument("model", metavar="NCNN", help="what to look at (see below)")
    shared.add_input_shapes(parser)
    parser.add_argument("--brief", action="store_true", help="leave out the table of layers")
    parser.add_argument(
        "--netron", action="store_true", help="then open the model in Netron, where it is installed"
    )
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Inspect, report, and open Netron when it is asked for."""
    check_destinations(args)
    from edgekit.inspector.netron import netron_command, open_netron
    from edgekit.inspector.opened import open_model
    from edgekit.report.inspect_text import inspect_text
    from edgekit.report.terminal import Terminal

    if args.netron:
        netron_command(open_model(args.model).param)  # refuse before the work, not after it
    report = _inspect(args)
    text = inspect_text(report, Terminal.of(sys.stdout), layers=not args.brief)
    deliver(args, text=text, document=report.to_json())
    if args.netron:
        sys.stdout.flush()
        open_netron(open_model(args.model).param)
    return EXIT_OK


def _inspect(args: argparse.Namespace) -> InspectReport:
    from edgekit.inspector import inspect

    with StatusLine("inspect") as status:
        return inspect(args.model, inputs=dict(args.input), progress=status)
