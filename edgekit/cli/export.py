"""`edgekit export MODEL -o BUNDLE`: a PyTorch model to an ncnn bundle."""

from __future__ import annotations

import argparse

from edgekit.cli import args as shared

_EPILOG = """\
MODEL is a name from `edgekit models`, a recipe.toml, file.py:Attr, package.module:Attr,
a TorchScript .pt or an .onnx file.

  edgekit export mobilenet_v2 -o build/mobilenet_v2
  edgekit export net.py:Net -o build/net --input image=1x3x224x224 --weights net.safetensors
"""


def add_parser(subparsers: argparse._SubParsersAction[shared.Parser]) -> None:
    """Add the command to the parser."""
    parser = shared.command(subparsers, "export", run, "Convert a model to an ncnn bundle.", _EPILOG)
    parser.add_argument("model", metavar="MODEL", help="what to convert (see below)")
    parser.add_argument(
        "-o", "--output", metavar="BUNDLE", required=True, help="the folder to write, replaced as a whole"
    )
    shared.add_input_shapes(parser)
    parser.add_argument(
        "--route",
        choices=("pnnx", "onnx"),
        help="through TorchScript (pnnx) or through ONNX (default: the recipe's, else pnnx)",
    )
    shared.add_precision(parser, choices=("fp32", "fp16"))
    parser.add_argument("--weights", metavar="FILE", help="weights to load: .safetensors or a state dict .pt")
    shared.add_seed(parser)
    shared.add_files(parser, "json")


def run(args: argparse.Namespace) -> int:
    """Export, and say what was written."""
    raise NotImplementedError("edgekit export")
