"""`edgekit models`: the models that edgekit can build by name."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared
from edgekit.cli.output import deliver
from edgekit.errors import EXIT_OK


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    parser = shared.command(subparsers, "models", run, "List the models that can be named in `export`.")
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """List the zoo."""
    from edgekit.models import registry
    from edgekit.report.models_text import models_document, models_text

    entries = registry.entries()
    deliver(args, text=models_text(entries), document=models_document(entries))
    return EXIT_OK
