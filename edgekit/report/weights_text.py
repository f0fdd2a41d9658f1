"""Weights that were brought back, or why none were, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from edgekit.report.terminal import Terminal, printable
from edgekit.report.verify.words import culprits_of, origin
from edgekit.restorer import NotRestored, Restored
from edgekit.units import format_count, format_error

_MOST_NAMES = 4
_MOST_CULPRITS = 5


def weights_text(result: Restored, terminal: Terminal | None = None) -> str:
    """Return what was written and how well it was checked."""
    terminal = terminal or Terminal()
    stored = " and ".join(result.stored)
    tensors = f"{len(result.carried)} tensors of {result.model}"
    lines = [
        f"{result.ncnn} -> {result.path}",
        f"  {format_count(result.parameters)} parameters in {tensors}, from {stored}",
    ]
    for names, what in (
        (result.neutral, "set to do nothing, since the binary has them folded"),
        (result.kept, "kept as they were, since the network does not hold them"),
    ):
        if names:
            lines.append(f"  {len(names)} tensors {what}: {_listed(names)}")
    worst = result.worst
    if worst is not None:
        lines.append(
            "  the loaded module agrees with the binary: the largest difference is "
            f"{format_error(worst.relative)} of the spread of '{worst.output}'"
        )
    lines.append(
        f"  {result.layers_compared} of {result.layers} layers compared, all right to within rounding"
    )
    lines += [f"  note: {note}" for note in result.notes]
    return "\n".join(_wrapped(lines, terminal)) + "\n"


def not_restored_text(error: NotRestored, terminal: Terminal | None = None) -> str:
    """Return which layers differ between the loaded module and the binary."""
    terminal = terminal or Terminal()
    lines = []
    layers = () if error.verdict is None else culprits_of(error.verdict)
    for layer in layers[:_MOST_CULPRITS]:
        lines.append(f"  {layer.name} ({layer.type}), from {origin(layer.source)}")
    if len(layers) > _MOST_CULPRITS:
        lines.append(f"  and {len(layers) - _MOST_CULPRITS} more layers")
    return "".join(
        f"{line}\n" for line in _wrapped(["layers that differ:", *lines] if lines else [], terminal)
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def _wrapped(lines: Sequence[str], terminal: Terminal) -> list[str]:
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            printable(line),
            terminal.width,
            initial_indent="  " if line.startswith("  ") else "",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )
    ]
