"""`edgekit android BUNDLE...`: bundles into the assets of the demo app, each with its self-test."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_OK

_EPILOG = """\
  edgekit android build/mobilenet_v2 build/gtcrn
  edgekit android build/mobilenet_v2 --app ~/StudioProjects/demo

The bundles named are the app's content: what was packed before is replaced.
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Put bundles into the Android demo app, with a self-test for the phone."
    parser = shared.command(subparsers, "android", run, summary, _EPILOG)
    parser.add_argument("bundles", metavar="BUNDLE", nargs="+", help="a folder that `edgekit export` wrote")
    parser.add_argument(
        "--app", metavar="DIR", default="android_demo", help="the Android project (default: android_demo)"
    )
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Pack, and say what lies where."""
    check_destinations(args)
    from edgekit.packager import pack
    from edgekit.report.android_text import android_text

    with StatusLine("android") as status:
        packed = pack(args.bundles, args.app, status)
    deliver(args, text=android_text(packed), document=packed.to_json())
    return EXIT_OK
