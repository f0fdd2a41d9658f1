"""`edgekit bench TARGET...`: how fast, how steady, how much memory, and where the time goes."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared

_EPILOG = """\
  edgekit bench build/mobilenet_v2 --threads 1,2
  edgekit bench build/a build/b --compare --certified
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Time a model in ncnn, with its spread, its conditions and its memory."
    parser = shared.command(subparsers, "bench", run, summary, _EPILOG)
    parser.add_argument("targets", metavar="TARGET", nargs="+", help="a bundle, a .param or a suite.toml")
    shared.add_device(parser)
    shared.add_threads(parser)
    shared.add_precision(parser)
    parser.add_argument("--layers", action="store_true", help="time each layer too")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--quick", action="store_true", help="at least 50 runs and 1 s (the default)")
    length.add_argument("--certified", action="store_true", help="at least 1024 runs and 60 s, cool-down")
    parser.add_argument("--compare", action="store_true", help="say which target is faster, or that none is")
    shared.add_files(parser, "json", "html")


def run(args: argparse.Namespace) -> int:
    """Measure and report."""
    raise NotImplementedError("edgekit bench")
