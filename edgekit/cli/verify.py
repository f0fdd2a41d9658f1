"""`edgekit verify BUNDLE`: is it still the same model, and if not, which layer is guilty."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared

_EPILOG = """\
  edgekit verify build/mobilenet_v2
  edgekit verify build/mobilenet_v2 --precision fp16 --html build/verify.html
  edgekit verify build/mobilenet_v2 --inputs photos.npz --ladder
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Compare a bundle with its PyTorch model, layer by layer."
    parser = shared.command(subparsers, "verify", run, summary, _EPILOG)
    parser.add_argument("bundle", metavar="BUNDLE", help="the folder that `edgekit export` wrote")
    shared.add_device(parser)
    shared.add_precision(parser, default="fp32")
    parser.add_argument(
        "--inputs", metavar="FILE.npz", help="inputs to compare on, by name (default: the bundle's own)"
    )
    parser.add_argument(
        "--ladder", action="store_true", help="compare every stage of the conversion with the one before"
    )
    shared.add_files(parser, "json", "html", "junit")


def run(args: argparse.Namespace) -> int:
    """Verify, report, and return 1 when a layer or an output diverges."""
    raise NotImplementedError("edgekit verify")
