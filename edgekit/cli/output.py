"""Where a command's result goes: the text to stdout, each file where its option says.

Stdout carries one thing. When an option gives it away with `-`, the text is left out.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from edgekit.cli.args import STDOUT
from edgekit.errors import UserError

_KINDS = ("json", "html", "junit")


def deliver(
    args: argparse.Namespace,
    *,
    text: str,
    document: object = None,
    html: Callable[[], str] | None = None,
    junit: Callable[[], str] | None = None,
) -> None:
    """Print the text and write the files that `--json`, `--html` and `--junit` ask for.

    `document` is anything that `edgekit.schema.to_json` takes; `html` and `junit` are called only
    when their file is wanted.
    """
    from edgekit.schema import dumps, write_text  # imports more than a help text should wait for

    makers: dict[str, Callable[[], str] | None] = {
        "json": lambda: dumps(document),
        "html": html,
        "junit": junit,
    }
    to_stdout = text if text.endswith("\n") or not text else text + "\n"
    for kind in _KINDS:
        destination, make = getattr(args, kind, None), makers[kind]
        if destination is None or make is None:
            continue
        if destination == STDOUT:
            to_stdout = make()
        else:
            write_text(make(), destination)
    sys.stdout.write(to_stdout)


def check_destinations(args: argparse.Namespace) -> None:
    """Refuse, before any work is done, two results for one stdout, and a file that cannot be written.

    Raises:
        UserError: more than one of `--json`, `--html`, `--junit` is `-`, or one names no place for a file.
    """
    from edgekit.schema import check_writable

    claims = [f"--{kind}" for kind in _KINDS if getattr(args, kind, None) == STDOUT]
    if len(claims) > 1:
        raise UserError(f"{' and '.join(claims)} cannot both be stdout", "give one of them a file name")
    for kind in _KINDS:
        destination = getattr(args, kind, None)
        if destination not in (None, STDOUT):
            check_writable(destination)
