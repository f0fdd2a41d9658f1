"""`edgekit export MODEL -o BUNDLE`: a PyTorch model to an ncnn bundle."""

from __future__ import annotations

import argparse
import sys
import time

from edgekit.cli import args as shared
from edgekit.cli.output import check_destinations, deliver
from edgekit.cli.progress import StatusLine
from edgekit.errors import EXIT_OK

_EPILOG = """\
MODEL is a name from `edgekit models`, a recipe.toml, file.py:Attr, package.module:Attr,
a TorchScript .pt or an .onnx file.

  edgekit export mobilenet_v2 -o build/mobilenet_v2
  edgekit export net.py:Net -o build/net --input image=1x3x224x224 --weights net.safetensors
  edgekit export net.py:Net -o build/net --input image=1x3x224x224,1x3x320x256   (any size)
  edgekit export net.py:Net -o build/net --input ids=1x16:int64@0..999 --route onnx

exit codes: 0 exported, 1 converted but not the same model, 2 cannot be converted as it is
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    parser = shared.command(subparsers, "export", run, "Convert a model to an ncnn bundle.", _EPILOG)
    parser.add_argument("model", metavar="MODEL", help="what to convert (see below)")
    parser.add_argument(
        "-o", "--output", metavar="BUNDLE", required=True, help="the folder to write, replaced as a whole"
    )
    shared.add_model_inputs(parser)
    shared.add_route(parser)
    shared.add_precision(parser, choices=("fp32", "fp16"))
    parser.add_argument("--weights", metavar="FILE", help="weights to load: .safetensors or a state dict .pt")
    parser.add_argument(
        "--allow-missing", action="store_true", help="keep seeded values for weights that the file lacks"
    )
    parser.add_argument(
        "--allow-unexpected", action="store_true", help="leave out weights that the model lacks"
    )
    shared.add_seed(parser)
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Export, and say what was written."""
    check_destinations(args)
    from edgekit.exporter import ExportError, export, parse_input
    from edgekit.report.export_json import failure_document, result_document
    from edgekit.report.export_text import export_text, failure_text

    began_s = time.perf_counter()
    try:
        with StatusLine("export") as status:
            result = export(
                args.model,
                args.output,
                inputs=[parse_input(text) for text in args.input],
                route=args.route,
                precision=args.precision,
                weights=args.weights,
                allow_missing=args.allow_missing,
                allow_unexpected=args.allow_unexpected,
                seed=args.seed,
                progress=status,
            )
    except ExportError as error:
        sys.stderr.write(failure_text(error, args.model))
        deliver(args, text="", document=failure_document(error, args.model))
        return error.exit_code
    text = export_text(result, time.perf_counter() - began_s)
    deliver(args, text=text, document=result_document(result))
    return EXIT_OK
