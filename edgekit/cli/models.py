"""`edgekit models`: the models that edgekit can build by name."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    parser = shared.command(subparsers, "models", run, "List the models that can be named in `export`.")
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """List the zoo."""
    raise NotImplementedError("edgekit models")
