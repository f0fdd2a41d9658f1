"""`edgekit doctor`: what is installed, what is usable, and how to get the rest."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared
from edgekit.errors import EXIT_CHECK_FAILED, EXIT_OK


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Say what is installed, what is usable, and how to get the rest."
    parser = shared.command(subparsers, "doctor", run, summary)
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Look around and report; 1 when export, verify and bench cannot all run here."""
    from edgekit.cli.output import deliver
    from edgekit.cli.progress import StatusLine
    from edgekit.report.environment import environment_text
    from edgekit.schema import schema_id, to_json
    from edgekit.toolchain.environment import inspect_environment

    with StatusLine("doctor") as status:
        status("starting pnnx and ncnn")
        environment = inspect_environment()
    document = {
        "schema": schema_id("edgekit.doctor", 1),
        "core_usable": environment.core_usable,
        **to_json(environment),
    }
    deliver(args, text=environment_text(environment), document=document)
    return EXIT_OK if environment.core_usable else EXIT_CHECK_FAILED
