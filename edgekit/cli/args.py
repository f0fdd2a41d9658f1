"""Argument groups that several commands share, and a parser whose errors name the nearest match."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from edgekit.errors import UserError, did_you_mean
from edgekit.units import parse_int_list, parse_named_shape

STDOUT = "-"
_ELSEWHERE = {
    "convert": "it is: edgekit export MODEL -o BUNDLE",
    "forecast": "it is: edgekit verify BUNDLE --forecast fp16",
    "ladder": "it is: edgekit verify BUNDLE --ladder",
    "repair": "it is: edgekit verify BUNDLE --repair fp16 -o NEW_BUNDLE",
    "setup": "it is: edgekit device setup DEVICE",
}
PRECISIONS = ("fp32", "fp16", "fp16-storage", "bf16", "int8")


class Parser(argparse.ArgumentParser):
    """An argument parser that raises `UserError` and answers a typing mistake with the nearest match."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("allow_abbrev", False)
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        self._is_command = False
        super().__init__(**options)

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and exiting."""
        raise UserError(message, f"see: {self.prog} --help")

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Name a mistyped option before argparse complains of the one that it leaves missing."""
        args = sys.argv[1:] if args is None else args
        self._check_options(args)
        return super().parse_known_args(args, namespace)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Name the command that takes no more where argparse names the program."""
        found, left = self.parse_known_args(args, namespace)
        if left:
            raise UserError(
                f"nothing takes the argument{'s' if len(left) > 1 else ''} {' '.join(map(repr, left))}",
                f"see: {getattr(found, 'prog', self.prog)} --help",
            )
        return found

    def _check_options(self, args: Sequence[str]) -> None:
        known = [option for option in self._option_string_actions if option.startswith("--")]
        for text in args:
            if text == "--" or not (self._is_command or text.startswith("-")):
                return  # what follows is no option, or belongs to the command
            option = text.partition("=")[0]
            if option.startswith("--") and option not in known:
                longer = [each for each in known if each.startswith(option)]
                raise UserError(
                    f"{self.prog} has no option '{option}'",
                    did_you_mean(option, longer or known) or f"see: {self.prog} --help",
                )

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        label = "command" if action.dest == "command" else "/".join(action.option_strings) or action.metavar
        raise UserError(
            f"'{value}' is not a {label}" if label == "command" else f"'{value}' is not a value of {label}",
            (_ELSEWHERE.get(value) if label == "command" else None)
            or did_you_mean(str(value), choices)
            or "choose from " + ", ".join(choices),
        )


def command(
    subparsers: argparse._SubParsersAction[Parser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    epilog: str = "",
) -> Parser:
    """Add the parser of one command; `run(args)` does its work and returns the exit code."""
    parser = subparsers.add_parser(name, help=summary, description=summary, epilog=epilog)
    parser._is_command = True
    parser.set_defaults(run=run, prog=parser.prog)
    return parser


def add_commands(parser: Parser) -> argparse._SubParsersAction[Parser]:
    """Let a command have commands of its own (`edgekit device list`)."""
    parser._is_command = False
    return parser.add_subparsers(
        title="commands", dest="command", metavar="COMMAND", required=True, parser_class=Parser
    )


def natural(text: str) -> int:
    """Read a whole number from zero up to the largest seed that every library takes."""
    if not (text.isascii() and text.isdigit() and int(text) < 2**32):
        raise UserError(f"'{text}' is not a seed", "give a whole number from 0 to 4294967295")
    return int(text)


def add_input_shapes(parser: argparse.ArgumentParser) -> None:
    """`--input NAME=1x3x224x224`, repeatable: `args.input` is a list of (name, shape)."""
    parser.add_argument(
        "--input",
        metavar="NAME=SHAPE",
        action="append",
        default=[],
        type=parse_named_shape,
        help="name and shape of an input, as in image=1x3x224x224; once for each input",
    )


def add_model_inputs(parser: argparse.ArgumentParser, prefix: str = "") -> None:
    """Add `--input`, the inputs of a model that is exported."""
    parser.add_argument(
        "--input",
        metavar="NAME=SHAPE",
        action="append",
        default=[],
        help=f"{prefix}an input of the model: NAME=1x3x224x224, with a second shape after a comma for "
        "dynamic sizes, :DTYPE and @LOW..HIGH; once for each input",
    )


def add_route(parser: argparse.ArgumentParser) -> None:
    """Add `--route`."""
    parser.add_argument(
        "--route",
        choices=("pnnx", "onnx"),
        help="convert through TorchScript (pnnx) or through ONNX (default: the recipe's, else pnnx)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """`--seed N`: `args.seed`, None when it is not given."""
    parser.add_argument(
        "--seed", metavar="N", type=natural, help="seed of random weights and inputs (default: 0)"
    )


def add_device(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """`--device D`: `args.device`, a name for `edgekit.devices`; with `several` a list, or None."""
    more = "; given several times, the devices are compared" if several else ""
    parser.add_argument(
        "--device",
        metavar="D",
        action="append" if several else "store",
        default=None if several else "local",
        help=f"where ncnn runs: local, qemu:CPU, ssh:USER@HOST or adb:SERIAL (default: local){more}",
    )


def add_precision(
    parser: argparse.ArgumentParser, choices: Iterable[str] = PRECISIONS, default: str | None = None
) -> None:
    """`--precision P`: `args.precision`, one of `choices` or `default`."""
    shown = f" (default: {default})" if default else ""
    parser.add_argument(
        "--precision",
        metavar="P",
        choices=tuple(choices),
        default=default,
        help=f"{', '.join(choices)}{shown}",
    )


def add_threads(parser: argparse.ArgumentParser) -> None:
    """`--threads 1,2,4`: `args.threads`, a tuple of positive numbers."""
    parser.add_argument(
        "--threads",
        metavar="LIST",
        type=parse_int_list,
        default=(1,),
        help="numbers of threads to measure, as in 1,2,4 (default: 1)",
    )


def add_files(parser: argparse.ArgumentParser, *kinds: str) -> None:
    """`--json FILE` and such: `args.json`, `args.html`, `args.junit`; "-" is stdout."""
    texts = {"json": "the result as JSON", "html": "the report as one HTML page", "junit": "JUnit XML"}
    for kind in kinds:
        parser.add_argument(f"--{kind}", metavar="FILE", help=f"write {texts[kind]}; - is stdout")
