"""A comparison as text: the finding, both sides in a line each, then the differences by severity."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from edgekit.differ import Difference, DiffReport, Place, Severity, Side, SideTotals, WeightComparison
from edgekit.differ.model import Port, PortPair
from edgekit.report.terminal import Terminal, printable
from edgekit.units import format_count, format_shape

_MEANINGS = {
    Severity.P0: "changes what the network gives, or the shape that later layers are fed",
    Severity.P1: "a layer computes something else, or its weights do not fit",
    Severity.P2: "the weights fit, the numbers differ in detail",
    Severity.P3: "hardly any effect",
}
_COLOURS = {
    Severity.P0: ("bold", "red"),
    Severity.P1: ("bold", "yellow"),
    Severity.P2: ("bold",),
    Severity.P3: ("bold",),
}
_KIND_WIDTH = 14
_MOST_PLACES = 4
_MOST_EQUIVALENCES = 5


def diff_text(report: DiffReport, terminal: Terminal | None = None) -> str:
    """Return the whole comparison."""
    page = _Page(report, terminal or Terminal())
    sections = [page.head(), *page.differences(), page.remarks()]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


class _Page:
    """The sections of one report on one terminal."""

    def __init__(self, report: DiffReport, terminal: Terminal) -> None:
        self.report = report
        self.terminal = terminal

    def head(self) -> list[str]:
        report = self.report
        lines = [
            self.terminal.paint(line, "bold", *self._verdict_colour())
            for line in self._wrap(_verdict(report), "", "  ")
        ]
        lines += self._wrap(f"{report.a}: {_totals(report.left)}", "  left   ", " " * 9)
        lines += self._wrap(f"{report.b}: {_totals(report.right)}", "  right  ", " " * 9)
        for title, pairs in (("in", report.inputs), ("out", report.outputs)):
            for pair in pairs:
                lines += self._wrap(_pair(pair), f"  {title:<7}", " " * 9)
        return lines

    def _verdict_colour(self) -> tuple[str, ...]:
        return ("green",) if self.report.same else ("red",)

    def differences(self) -> Iterator[list[str]]:
        """One section for each severity: its title, then the differences of a pair of layers together."""
        for severity in Severity:
            chosen = [each for each in self.report.differences if each.severity is severity]
            if not chosen:
                continue
            title = f"{severity}: {_MEANINGS[severity]}"
            lines = [self.terminal.paint(line, *_COLOURS[severity]) for line in self._wrap(title, "", "    ")]
            for group in _by_place(chosen):
                lines += ["", *self._group(group)]
            yield lines

    def _group(self, group: Sequence[Difference]) -> list[str]:
        first = group[0]
        lines = self._wrap(_heading(first), "  ", "    ")
        for each in group:
            lines += self._wrap(_values(each), f"    {each.kind:<{_KIND_WIDTH}}", " " * (_KIND_WIDTH + 4))
        for impact in dict.fromkeys(each.impact for each in group):
            lines += self._wrap(impact, "    ", "    ")
        for change in dict.fromkeys(each.change for each in group if each.change):
            lines += self._wrap(f"-> {change}", "    ", "       ")
        if first.count > 1:
            lines += self._wrap(_places(first), "    ", "    ")
        return lines

    def remarks(self) -> list[str]:
        """What is equal although it is written differently, the weights, and notes on the files."""
        report, lines = self.report, []
        for each in report.equivalences[:_MOST_EQUIVALENCES]:
            lines += self._wrap(f"equal: {each.left} and {each.right}: {each.reason}", "", "  ")
        more = len(report.equivalences) - _MOST_EQUIVALENCES
        if more > 0:
            lines.append(f"equal: {more} more of the kind")
        if report.weights is not None:
            lines += self._wrap(_weights(report.weights), "", "  ")
        elif report.same:
            lines += self._wrap(
                "weights, and what is folded into them, are not compared: edgekit verify does", "", "  "
            )
        for note in report.notes:
            lines += self._wrap(f"note: {note}", "", "  ")
        return lines

    def _wrap(self, text: str, first: str, later: str) -> list[str]:
        return textwrap.wrap(
            printable(text),
            self.terminal.width,
            initial_indent=first,
            subsequent_indent=later,
            break_on_hyphens=False,
        )


def _verdict(report: DiffReport) -> str:
    if report.same:
        if report.weights is None or not report.weights.different:
            return f"SAME: all {report.matched} operations are the same"
        count, compared = len(report.weights.different), report.weights.compared
        others = f"{count} of {compared} weights hold{'s' if count == 1 else ''} other numbers"
        return f"SAME structure: all {report.matched} operations, but {others}"
    count = len(report.differences)
    urgent = sum(each.severity is Severity.P0 for each in report.differences)
    shown = f"DIFFERENT: {count} difference{'s' if count != 1 else ''}"
    return shown + (f", {urgent} of them P0" if urgent else "")


def _weights(weights: WeightComparison) -> str:
    shown = f"weights: {weights.equal} of {weights.compared} compared hold the same numbers"
    if not weights.different:
        return shown
    if not weights.equal:
        return f"{shown}: they come from two trainings"
    most = sorted(weights.different, key=lambda each: -each.largest)[:_MOST_PLACES]
    named = ", ".join(f"{each.weight} of {each.name} ({each.largest:.1e} of its largest)" for each in most)
    more = len(weights.different) - len(most)
    return f"{shown}; not so: {named}" + (f" and {more} more" if more else "")


def _totals(totals: SideTotals) -> str:
    macs = "MACs unknown" if totals.macs is None else f"{format_count(totals.macs)} MACs"
    return (
        f"{totals.layers} layers ({totals.operations} operations), "
        f"{format_count(totals.parameters)} parameters, {macs}"
    )


def _pair(pair: PortPair) -> str:
    """Return an input or output, once where both sides have the same."""
    left, right = pair.left, pair.right
    if left is None or right is None:
        return f"left {_port(left)}, right {_port(right)}"
    names = " against ".join(dict.fromkeys((left.name, right.name)))
    if _kind(left) == _kind(right):
        return f"{names} {_kind(left)}"
    if left.range == right.range and None in (left.shape, right.shape):
        known, side = (right, "left") if left.shape is None else (left, "right")
        return f"{names} {_kind(known)}, left open by the file on the {side}"
    return f"left {_port(left)}, right {_port(right)}"


def _port(port: Port | None) -> str:
    return "none" if port is None else f"{port.name} {_kind(port)}"


def _kind(port: Port) -> str:
    shape = "?" if port.shape is None else format_shape(port.shape)
    return shape + (f" in {port.range}" if port.range else "")


def _by_place(differences: Sequence[Difference]) -> list[list[Difference]]:
    """Put differences of the same pair of layers together, in the order of the first of each."""
    groups: dict[object, list[Difference]] = {}
    for number, each in enumerate(differences):
        places = (each.left.place, each.right.place)
        key: object = (_key(places[0]), _key(places[1]), each.count) if any(places) else number
        groups.setdefault(key, []).append(each)
    return list(groups.values())


def _key(place: Place | None) -> tuple[str, str] | None:
    return None if place is None else (place.name, place.layer)


def _heading(difference: Difference) -> str:
    left, right = _named(difference.left), _named(difference.right)
    if left is None or right is None:
        return f"{left or right}, on the {'left' if right is None else 'right'} only"
    return left if left == right else f"{left} against {right}"


def _named(side: Side) -> str | None:
    if side.name is None:
        return None
    layer = None if side.place is None else side.place.layer
    return side.name if layer in (None, side.name) else f"{side.name} ({layer})"


def _values(difference: Difference) -> str:
    left, right = difference.left.value, difference.right.value
    if left is None or right is None:
        return left or right or ""
    return f"left {left}, right {right}"


def _places(difference: Difference) -> str:
    places = [next(place for place in reversed(pair) if place is not None) for pair in difference.places]
    told = len({place.name for place in places}) == len(places)
    names = [
        place.name if told or place.name == place.layer else f"{place.name} ({place.layer})"
        for place in places
    ]
    names = list(dict.fromkeys(names))  # the parts of a Slice are one layer
    more = len(names) - _MOST_PLACES
    shown = ", ".join(names[:_MOST_PLACES])
    return f"so in {difference.count} places: {shown}" + (f" and {more} more" if more > 0 else "")
