"""A repair as text: which layers are kept out of half precision, why, how that was found, what it costs."""

from __future__ import annotations

from pathlib import Path

from edgekit.repairer import Kept, Price, Repair, Rescaled
from edgekit.report.price_rows import price_rows
from edgekit.report.terminal import Terminal
from edgekit.report.verify import words
from edgekit.schema import to_json
from edgekit.units import counted

_INDENT = 10
_MOST_DIFF = 24


def repair_text(repair: Repair, terminal: Terminal | None = None, folder: Path | None = None) -> str:
    """Return the whole report; `folder` shortens the paths inside it."""
    page = _Page(repair, terminal or Terminal(), folder)
    if not repair.needed:
        return "\n".join(page.nothing()) + "\n"
    sections = (page.finding(), page.kept(), page.facts(), page.diff())
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def _layers(count: int) -> str:
    return "1 layer is" if count == 1 else f"{count} layers are"


class _Page:
    """The sections of one report on one terminal."""

    def __init__(self, repair: Repair, terminal: Terminal, folder: Path | None) -> None:
        self.repair = repair
        self.terminal = terminal
        self.folder = folder

    def nothing(self) -> list[str]:
        device = self.repair.before.device
        line = (
            f"PASS: nothing to repair: {self.repair.source} holds in {self.repair.precision} on {device.cpu}"
        )
        return [self.terminal.paint(each, "bold", "green") for each in self.terminal.wrap(line, "", "      ")]

    def finding(self) -> list[str]:
        repair = self.repair
        count, total = repair.kept_out, len(repair.before.layers)
        are = "is" if count == 1 else "are"
        parts = [f"{count} of {total} layers {are} kept out of half precision"] if count else []
        if repair.direct:
            parts.append(f"{counted(repair.direct, 'layer')} without winograd in fp16")
        if repair.rescaled:
            parts.append(f"{_layers(len(repair.rescaled))} brought into the range of fp16, exactly")
        line = f"REPAIRED: {', '.join(parts)}, and the model passes"
        lines = [self.terminal.paint(each, "bold", "green") for each in self.terminal.wrap(line, "", "  ")]
        return [*lines, *self.terminal.wrap(f"before: {words.verdict(repair.before)}", "", "  ")]

    def kept(self) -> list[str]:
        blocks = [self._rescaled(each) for each in self.repair.rescaled]
        blocks += [self._kept(each) for each in self.repair.kept]
        return [line for number, block in enumerate(blocks) for line in ([""] if number else []) + block]

    def _rescaled(self, each: Rescaled) -> list[str]:
        then = ", ".join(each.consumers)
        what = f"its weights times 2^-{each.exponent}, those of {then} times 2^{each.exponent}"
        return [
            self.terminal.paint(f"{each.name} ({each.type}): stays in fp16", "bold"),
            *self.terminal.wrap(f"from {words.origin(each.source, self.folder)}", "  ", "       "),
            *self.terminal.wrap(f"{what}: powers of two, no digit changes", "  ", "  "),
        ]

    def _kept(self, each: Kept) -> list[str]:
        head = f"{each.name} ({each.type}): 31={int(each.keep)}"
        return [
            self.terminal.paint(head, "bold"),
            *self.terminal.wrap(f"from {words.origin(each.source, self.folder)}", "  ", "       "),
            *self.terminal.wrap(f"{each.why}; it {each.keep.words}", "  ", "  "),
        ]

    def facts(self) -> list[str]:
        repair = self.repair
        lines: list[str] = []
        for trial in repair.trials:
            outcome = "holds" if trial.holds else f"fails: {', '.join(trial.failing[:4])}"
            title = "" if lines else counted(len(repair.trials), "trial")
            lines += self._fact(title, f"{trial.number}. {trial.what}: {outcome}")
        if repair.price is not None:
            lines += self._price(repair.price)
        device = repair.after.device
        kind = "emulated " if device.emulated else ""
        lines += self._fact(
            "proof", f"{kind}{device.cpu}, ncnn {device.ncnn}: every layer alone and all outputs"
        )
        if repair.bundle is not None:
            lines += self._fact("bundle", repair.bundle)
        return lines

    def _price(self, price: Price) -> list[str]:
        lines: list[str] = []
        for title, before, after, change in price_rows(to_json(price.before), to_json(price.after)):
            shown = f"{title}: {before} -> {after}" if change else f"{title}: {before}"
            lines += self._fact("price" if not lines else "", shown + (f" ({change})" if change else ""))
        if price.note:
            lines += self._fact("", price.note)
        return lines

    def diff(self) -> list[str]:
        lines = list(self.repair.diff[:_MOST_DIFF])
        more = len(self.repair.diff) - len(lines)
        colours = {"-": ("red",), "+": ("green",)}
        shown = [
            self.terminal.paint(part, *colours.get(line[:1], ()))
            for line in lines
            for part in self.terminal.wrap(line, "", "    ")
        ]
        return [*shown, *([f"and {more} more lines"] if more > 0 else [])]

    def _fact(self, title: str, text: str) -> list[str]:
        return self.terminal.wrap(text, title.ljust(_INDENT), " " * _INDENT)
