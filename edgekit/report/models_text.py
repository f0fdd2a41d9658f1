"""The zoo as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from edgekit.models.entry import Entry
from edgekit.models.registry import parse
from edgekit.schema import Json
from edgekit.units import format_count, format_shape

_TITLES = ("model", "inputs", "parameters", "MACs", "arguments")
_RIGHT = frozenset({2, 3})


def models_text(entries: Sequence[Entry]) -> str:
    """Return one line for each network, grouped by family, and how an argument is given."""
    families = list(dict.fromkeys(entry.family for entry in entries))
    rows = [(entry, _row(entry)) for entry in sorted(entries, key=lambda each: families.index(each.family))]
    lines = [_TITLES, *(row for _, row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_TITLES))]
    text = [_line(_TITLES, widths)]
    family = ""
    for entry, row in rows:
        if entry.family != family:
            family = entry.family
            text.append(f"\n{family}")
        text.append(_line(row, widths))
    text.append("\n1 MAC = 2 FLOP. Arguments follow a colon: mobilenet_v1:width=0.5,resolution=160")
    return "\n".join(text) + "\n"


def models_document(entries: Iterable[Entry]) -> list[Json]:
    """Return one object for each network."""
    return [
        {
            "name": entry.name,
            "family": entry.family,
            "inputs": [
                {"name": each.name, "shape": list(each.shape), "kind": each.kind, "range": list(each.range)}
                for each in parse(entry.name).inputs
            ],
            "outputs": list(entry.outputs),
            "parameters": entry.parameters,
            "macs": entry.macs,
            "source": entry.source,
            "arguments": [
                {"name": each.name, "default": each.default, "allowed": each.allowed, "help": each.help}
                for each in entry.arguments
            ],
        }
        for entry in entries
    ]


def _row(entry: Entry) -> tuple[str, ...]:
    inputs = parse(entry.name).inputs
    shown = [f"{each.name} {format_shape(each.shape)}" for each in inputs[:2]]
    more = f", {len(inputs) - 2} more" if len(inputs) > 2 else ""
    arguments = ", ".join(f"{each.name}={_plain(each.default)}" for each in entry.arguments)
    return (
        entry.name,
        ", ".join(shown) + more,
        format_count(entry.parameters),
        format_count(entry.macs),
        arguments,
    )


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (
        cell.rjust(width) if column in _RIGHT else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(padded).rstrip()
