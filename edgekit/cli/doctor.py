"""`edgekit doctor`: what is installed, what is usable, and how to get the rest."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Say what is installed, what is usable, and how to get the rest."
    parser = shared.command(subparsers, "doctor", run, summary)
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Look around and report; 1 when export, verify and bench cannot all run here."""
    raise NotImplementedError("edgekit doctor")
