"""`diff`: every difference between two networks that matters, with its effect and what to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgekit.differ.align import Matching
from edgekit.differ.change import Change, is_weighted
from edgekit.differ.changes import all_changes
from edgekit.differ.factors import without_folded
from edgekit.differ.inputs import match_inputs
from edgekit.differ.model import (
    Difference,
    DiffReport,
    Place,
    PortPair,
    SideTotals,
)
from edgekit.differ.model import Side as Shown
from edgekit.differ.ports import input_differences, input_pairs, output_differences, output_pairs
from edgekit.differ.remarks import compared_weights, equivalences, quantised
from edgekit.differ.remedy import Advisor
from edgekit.differ.sides import Side, opened_sides
from edgekit.differ.structure import Structure
from edgekit.differ.ways import best_alignment
from edgekit.differ.widths import said_once
from edgekit.errors import UserError
from edgekit.inspector.rows import summaries, totals
from edgekit.sources.inputs import InputSpec, ShapeLike, input_specs

if TYPE_CHECKING:
    import torch

Progress = Callable[[str], None]

_MOST_LAYERS = 4000


def diff(
    a: str | Path | torch.nn.Module,
    b: str | Path | torch.nn.Module,
    *,
    inputs: Mapping[str, ShapeLike] | Sequence[InputSpec] | None = None,
    route: str | None = None,
    progress: Progress | None = None,
) -> DiffReport:
    """Compare two networks, each a bundle, a `.param`, a model spec or a module.

    A model is exported for the comparison (`inputs` and `route` as in `export`). Structures are aligned,
    not lines: what different converters write differently is no difference. Weights are compared only in
    so far as both sides have them, and never count as a difference.

    Raises:
        UserError: a side names nothing, cannot be exported, or has thousands of layers.
        FormatError: a file is damaged.
    """
    step = progress or (lambda _: None)
    with opened_sides(a, b, input_specs(inputs or {}), route=route, progress=step) as (left, right):
        step("aligning the structures")
        both = aligned(left, right)
        step("judging the differences")
        return report_of(both)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Both sides, their alignment, and the differences of their inputs and outputs as such.

    `partners` are the input blobs that belong together, `pairs` the inputs and outputs side by side.
    """

    left: Side
    right: Side
    found: Matching
    ports: tuple[Difference, ...]
    partners: Mapping[str, str]
    pairs: Mapping[str, tuple[PortPair, ...]]


def aligned(left: Side, right: Side) -> Aligned:
    """Align two sides.

    A side whose files do not tell the shape of an input takes that of the other's.
    """
    _check_size(left, right)
    left, right = left.ending_like(right), right.ending_like(left)
    drafts = left.draft(), right.draft()
    ports = left.ports(drafts[0]), right.ports(drafts[1])
    partners = match_inputs(*ports)
    mine = {port.blob: port.shape for port in ports[0]}
    theirs = {port.blob: port.shape for port in ports[1]}
    for_left = {a: shape for a, b in partners.items() if mine[a] is None and (shape := theirs[b]) is not None}
    for_right = {
        b: shape for a, b in partners.items() if theirs[b] is None and (shape := mine[a]) is not None
    }
    left, right = left.borrowing(for_left), right.borrowing(for_right)
    drafts = (left.draft() if for_left else drafts[0], right.draft() if for_right else drafts[1])
    drafts[1].order_outputs(drafts[0])
    found = best_alignment((left, right), drafts, partners)
    differing = (*input_differences(ports, partners), *output_differences(found))
    pairs = {"inputs": input_pairs(ports, partners), "outputs": output_pairs(found)}
    return Aligned(left, right, found, differing, partners, pairs)


def _check_size(*sides: Side) -> None:
    """Refuse what would take minutes: an alignment looks at every pair of layers."""
    for side in sides:
        if len(side.opened.graph) > _MOST_LAYERS:
            raise UserError(
                f"'{side.name}' has {len(side.opened.graph):,} layers, too many to be compared",
                "look at it with: edgekit inspect",
            )


def report_of(both: Aligned) -> DiffReport:
    """Return all that differs between aligned sides."""
    left, right, found = both.left, both.right, both.found
    changes_right = _changes_right(left, right)
    own = right if changes_right else left
    advisor = Advisor(found, changes_right, own.sites, own.names_of_inputs)
    changes, folded = without_folded(all_changes(found), left, right, found)
    differences = [*both.ports, *_grouped(said_once(changes), advisor)]
    differences.sort(key=lambda each: each.severity)  # stable: within a severity, in the order of the network
    return DiffReport(
        a=left.name,
        b=right.name,
        differences=tuple(differences),
        left=_totals(left, found.left),
        right=_totals(right, found.right),
        matched=len(found.pairs),
        inputs=both.pairs["inputs"],
        outputs=both.pairs["outputs"],
        equivalences=(*equivalences(left, right, found), *folded),
        notes=(*left.opened.notes, *right.opened.notes, *quantised(left, right)),
        weights=compared_weights(left, right, found),
    )


def _changes_right(left: Side, right: Side) -> bool:
    """Whether it is the right side that is to be changed: of a model and a file it is the model."""
    if left.is_model != right.is_model:
        return right.is_model
    return bool(right.names.sources) or not left.names.sources


def _grouped(changes: Sequence[Change], advisor: Advisor) -> list[Difference]:
    """Join changes that say the same of several operations."""
    groups: dict[tuple[object, ...], list[Change]] = {}
    for change in changes:
        values: tuple[object, ...] = change.around or (change.left_value, change.right_value)
        if change.ratio is not None:
            values = (change.ratio,)
        key = (change.severity, change.kind, *values, change.impact)
        lone = change.left or change.right
        alone = change.kind in ("missing", "extra") and lone is not None and is_weighted(lone)
        rewired = change.kind == "wiring" and change.around is None
        alike = advisor.kin(change) if alone or rewired else None
        groups.setdefault((*key, alike), []).append(change)
    return [_difference(group, advisor) for group in groups.values()]


def _difference(group: Sequence[Change], advisor: Advisor) -> Difference:
    first = group[0]
    places = tuple(
        (
            advisor.place(change.left, is_own=not advisor.changes_right),
            advisor.place(change.right, is_own=advisor.changes_right),
        )
        for change in group
    )
    left, right = places[0]
    values = first.left_value, first.right_value
    if len(group) > 1 and first.around is not None:
        values = first.around
    advice = advisor.advice(first)
    where = right if advisor.changes_right else left
    return Difference(
        severity=first.severity,
        kind=first.kind,
        left=Shown(None if left is None else left.name, values[0], left),
        right=Shown(None if right is None else right.name, values[1], right),
        impact=first.impact,
        change=None if advice is None else _placed(advice, where, _lines(places, advisor)),
        places=places,
    )


def _lines(places: Sequence[tuple[Place | None, Place | None]], advisor: Advisor) -> int:
    """Count where something is to be done: a module that stands for several operations is changed once."""
    own = [pair[1 if advisor.changes_right else 0] for pair in places]
    lines: set[object] = {
        number if each is None else (each.name, each.line or each.layer) for number, each in enumerate(own)
    }
    return len(lines)


def _placed(advice: str, where: Place | None, count: int) -> str:
    """Add to an advice where to follow it."""
    if where is None:
        return advice if count == 1 else f"{advice} and {count - 1} more"
    text = f"{advice} in {where.name}" + (f" ({where.line})" if where.line else "")
    return text if count == 1 else f"{text} and {count - 1} more"


def _totals(side: Side, structure: Structure) -> SideTotals:
    counted = totals(side.opened, summaries(side.opened))
    return SideTotals(counted.layers, len(structure), counted.parameters, counted.macs)
