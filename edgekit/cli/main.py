"""The `edgekit` command: parse, run, and turn errors into exit codes."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

from edgekit import __version__
from edgekit.cli import android, bench, device, diff, doctor, export, inspect, models, verify, weights
from edgekit.cli.args import Parser
from edgekit.cli.failures import exit_code_of
from edgekit.cli.signals import Terminated, let_the_answer_stand, raise_on_signals

_COMMANDS = (export, verify, bench, diff, weights, inspect, models, doctor, device, android)

_EPILOG = """\
exit codes: 0 holds, 1 the check failed, 2 you can mend it, 3 a bug of edgekit

  edgekit export mobilenet_v2 -o build/mobilenet_v2
  edgekit verify build/mobilenet_v2
  edgekit bench build/mobilenet_v2 --threads 1,2
"""


def build_parser() -> Parser:
    """Return the parser of all commands; building it imports no command's work."""
    parser = Parser(
        prog="edgekit",
        description="Take a PyTorch model to ncnn, prove that it is the same model there, and time it.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"edgekit {__version__}")
    subparsers = parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )
    for module in _COMMANDS:
        module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; `argv` defaults to the process's arguments.

    Without `argv` the process belongs to the command and ends with it: an interrupt that comes after the
    answer changes nothing any more.
    """
    try:
        raise_on_signals()
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # a name that the terminal cannot show is no error
        args = build_parser().parse_args(argv)
        code: int = args.run(args)
        sys.stdout.flush()
        if argv is None:
            let_the_answer_stand()
    except (Exception, KeyboardInterrupt, Terminated) as error:
        if argv is None:
            let_the_answer_stand()
        return exit_code_of(error)
    return code


if __name__ == "__main__":
    sys.exit(main())
