"""`edgekit weights NCNN MODEL -o FILE.safetensors`: ncnn weights back into the PyTorch module."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from edgekit.cli import args as shared
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_CHECK_FAILED, EXIT_OK, EXIT_USER_ERROR

if TYPE_CHECKING:
    from edgekit.restorer import NotRestored, Restored, StructuresDiffer

_EPILOG = """\
NCNN is a bundle, or a .param with its .bin (fp32 or fp16); MODEL is a model spec as in
`edgekit export`. Nothing is written unless the module with these weights computes, layer
by layer, what the binary computes.

  edgekit weights shipped.param net.py:Net -o net.safetensors --input image=1x3x224x224

exit codes: 0 written, 1 another network (the differences are shown) or other results
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    summary = "Bring the weights of an ncnn model back into the PyTorch module."
    parser = shared.command(subparsers, "weights", run, summary, _EPILOG)
    parser.add_argument("ncnn", metavar="NCNN", help="where the weights are (see below)")
    parser.add_argument("model", metavar="MODEL", help="what they belong into (see below)")
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="the state dict to write: FILE.safetensors"
    )
    shared.add_model_inputs(parser)
    shared.add_route(parser)
    shared.add_seed(parser)
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Bring the weights back and say how well they were checked."""
    check_destinations(args)
    from edgekit.exporter import ExportError
    from edgekit.report.export_text import failure_text
    from edgekit.report.terminal import Terminal
    from edgekit.report.weights_text import weights_text
    from edgekit.restorer import NotRestored, StructuresDiffer

    try:
        result = _weights(args)
    except (StructuresDiffer, NotRestored) as error:
        return _failed(args, error)
    except ExportError as error:
        sys.stderr.write(failure_text(error, args.model))
        return EXIT_USER_ERROR
    deliver(args, text=weights_text(result, Terminal.of(sys.stdout)), document=result.to_json())
    return EXIT_OK


def _weights(args: argparse.Namespace) -> Restored:
    from edgekit.restorer import weights
    from edgekit.sources.inputs import parse_input

    inputs = [parse_input(text) for text in args.input]
    with StatusLine("weights") as status:
        return weights(
            args.ncnn,
            args.model,
            args.output,
            inputs=inputs,
            route=args.route,
            seed=args.seed,
            progress=status,
        )


def _failed(args: argparse.Namespace, error: StructuresDiffer | NotRestored) -> int:
    """Show what is in the way, and say in one line what to do."""
    from edgekit.report.diff_text import diff_text
    from edgekit.report.terminal import Terminal
    from edgekit.report.weights_text import not_restored_text
    from edgekit.restorer import StructuresDiffer
    from edgekit.restorer.model import WEIGHTS_SCHEMA

    terminal = Terminal.of(sys.stdout)
    document = {"schema": WEIGHTS_SCHEMA, "restored": False, "reason": str(error)}
    if isinstance(error, StructuresDiffer):
        deliver(
            args,
            text=diff_text(error.report, terminal),
            document={**document, "diff": error.report.to_json()},
        )
    else:
        deliver(args, text=not_restored_text(error, terminal), document={**document, "checks": error.checks})
    sys.stdout.flush()
    sys.stderr.write(f"edgekit: error: {error.message}\n  remedy: {error.remedy}\n")
    return EXIT_CHECK_FAILED
