"""A verification as text: verdict, culprits with their source lines, the table, and what it rests on."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edgekit.forecaster import Forecast
from edgekit.report.forecast_text import forecast_head, forecast_sections
from edgekit.report.table import text_table
from edgekit.report.terminal import Terminal, printable
from edgekit.report.verify import words
from edgekit.report.verify.table import layer_table
from edgekit.units import format_error, format_shape
from edgekit.verifier import LayerResult, OutputResult, VerifyReport

_MOST_CULPRITS = 8
_MOST_UNMATCHED = 12
_INDENT = 10


def verify_text(
    report: VerifyReport,
    terminal: Terminal | None = None,
    *,
    everything: bool = False,
    folder: Path | None = None,
    notes: Sequence[str] = (),
    forecasts: Sequence[Forecast] = (),
) -> str:
    """Return the whole report.

    `everything` shows every layer, `folder` shortens the paths inside it, `notes` are said at the end.
    `forecasts` of other precisions have their verdicts beside that of the run, those that fail first.
    """
    page = _Page(report, terminal or Terminal(), folder)
    sections = (
        page.finding(forecasts),
        page.culprits(),
        *forecast_sections(forecasts, page.terminal, folder, report.target),
        layer_table(report, page.terminal, everything=everything),
        page.ladder(),
        [*page.outputs(), *page.streams(), *page.facts()],
        page.unmatched(),
        [*page.warnings(), *page.notes(notes)],
    )
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


class _Page:
    """The sections of one report on one terminal."""

    def __init__(self, report: VerifyReport, terminal: Terminal, folder: Path | None) -> None:
        self.report = report
        self.terminal = terminal
        self.folder = folder

    def finding(self, forecasts: Sequence[Forecast] = ()) -> list[str]:
        passed = self.report.passed
        word = "PASS" if passed else "FAIL"
        where = f" in {self.report.precision}, run here" if forecasts else ""
        lines = self._wrap(f"{word}{where}: {words.verdict(self.report)}", "", "      ")
        own = [self.terminal.paint(line, "bold", "green" if passed else "red") for line in lines]
        conclusion = words.conclusion(self.report)
        own += self._wrap(conclusion, "", "  ") if conclusion else []
        heads = [forecast_head(each, self.terminal) for each in forecasts]
        worse = [line for each, head in zip(forecasts, heads, strict=True) if not each.holds for line in head]
        rest = [line for each, head in zip(forecasts, heads, strict=True) if each.holds for line in head]
        return [*own, *worse, *rest] if not passed else [*worse, *own, *rest]

    def culprits(self) -> list[str]:
        """One paragraph for each cause, with the other layers that have it."""
        groups = words.causes(self.report)
        lines: list[str] = []
        for number, group in enumerate(groups[:_MOST_CULPRITS], 1):
            lines += ([""] if number > 1 else []) + self._culprit(*group)
        left = sum(map(len, groups[_MOST_CULPRITS:]))
        return lines + (["", f"and {left} more, see the table"] if left else [])

    def _culprit(self, layer: LayerResult, *others: LayerResult) -> list[str]:
        head = f"{layer.name} ({layer.type}, {format_shape(layer.shape)})"
        lines = [self.terminal.paint(line, "bold") for line in self._wrap(head, "", "  ")]
        lines += self._wrap(f"from {words.origin(layer.source, self.folder)}", "  ", "       ")
        lines += self._wrap(f"{words.wrong(layer)} {words.effect(self.report, layer)}", "  ", "  ")
        if others:
            lines += self._wrap(words.places((layer, *others), self.folder), "  ", "  ")
        return lines

    def outputs(self) -> list[str]:
        lines: list[str] = []
        for output in self.report.outputs:
            lines += self._fact("output" if not lines else "", self._output(output))
        return lines

    def _output(self, output: OutputResult) -> str:
        if output.metrics is None:
            reason = output.finding.value if output.finding else "not comparable"
            return f"{output.name}: {output.status.value}, {reason.replace('_', ' ')}"
        metrics = output.metrics
        return (
            f"{output.name}: {output.status.value}, off by {format_error(metrics.max_abs)} where rounding "
            f"explains {format_error(output.floor)}; SNR {metrics.snr_db:.0f} dB, cosine {metrics.cosine:.6f}"
        )

    def streams(self) -> list[str]:
        lines: list[str] = []
        for each in words.streams(self.report):
            status = "pass" if each.passed else "fail"
            lines += self._fact("stream" if not lines else "", f"{words.stream(each)}: {status}")
        return lines

    def ladder(self) -> list[str]:
        """Which stage of the conversion breaks first, and all of them, where they were compared."""
        rungs: list[Mapping[str, Any]] = list(self.report.extra.get("ladder") or ())
        if not rungs:
            return []
        sentence = self._wrap(f"ladder: {self.report.extra.get('ladder_sentence', '')}", "", "        ")
        rows = [
            [
                printable(str(rung["rung"])),
                printable(str(rung["status"])),
                "" if rung.get("max_abs") is None else format_error(rung["max_abs"]),
                "" if rung.get("floor") is None else format_error(rung["floor"]),
            ]
            for rung in rungs
        ]
        table = text_table(["stage", "", "off by", "floor"], rows, left=(0, 1))
        notes = dict.fromkeys(rung["note"] for rung in rungs if rung["status"] != "pass" and rung.get("note"))
        return [*sentence, *table, *(line for note in notes for line in self._wrap(note, "  ", "  "))]

    def facts(self) -> list[str]:
        """Coverage, samples and device."""
        report, device = self.report, self.report.device
        methods = Counter(layer.method for layer in report.layers if layer.method is not None)
        how = ", ".join(
            f"{count} as {method}" if method == "input" else f"{count} by {method}"
            for method, count in methods.most_common()
        )
        coverage = f"{report.compared} of {len(report.layers)} layers compared"
        place = f"{device.kind}: {device.cpu}, {device.arch}{', emulated' if device.emulated else ''}"
        return [
            *self._fact("coverage", coverage + (f"; matched {how}" if how else "")),
            *(self._fact("weights", words.weights(report)) if report.weights else []),
            *self._fact("samples", self._samples()),
            *self._fact("device", f"{place}, ncnn {device.ncnn}, {report.precision}"),
        ]

    def _samples(self) -> str:
        names = self.report.samples
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        return shown + (" (each layer's worst is shown)" if len(names) > 1 else "")

    def unmatched(self) -> list[str]:
        """Layers without a counterpart, those with the same reason together."""
        groups: dict[str, list[str]] = {}
        for entry in self.report.unmatched:
            groups.setdefault(entry.reason, []).append(entry.name)
        if not groups:
            return []
        lines = ["not compared"]
        for reason, names in groups.items():
            more = f" and {len(names) - _MOST_UNMATCHED} more" if len(names) > _MOST_UNMATCHED else ""
            lines += self._wrap(f"{', '.join(names[:_MOST_UNMATCHED])}{more}: {reason}", "  ", "    ")
        return lines

    def warnings(self) -> list[str]:
        lines = []
        for warning in self.report.warnings:
            wrapped = self._wrap(f"warning: {warning}", "", "  ")
            lines += [self.terminal.paint(line, "yellow") for line in wrapped]
        return lines

    def notes(self, notes: Sequence[str]) -> list[str]:
        return [line for note in notes for line in self._wrap(note, "", "  ")]

    def _fact(self, title: str, text: str) -> list[str]:
        return self._wrap(text, title.ljust(_INDENT), " " * _INDENT)

    def _wrap(self, text: str, first: str, later: str) -> list[str]:
        return textwrap.wrap(
            printable(text),
            self.terminal.width,
            initial_indent=first,
            subsequent_indent=later,
            break_on_hyphens=False,
        )
