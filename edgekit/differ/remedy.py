"""What to change in the PyTorch model, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgekit.differ import torch_code, words
from edgekit.differ.align import Matching
from edgekit.differ.change import Change, is_weighted
from edgekit.differ.model import Place
from edgekit.differ.structure import Op, Structure
from edgekit.differ.torch_calls import CALLS
from edgekit.differ.wiring import passes_on

if TYPE_CHECKING:
    from edgekit.sources.sites import Site

_BUILT = frozenset({"conv", "deconv", "linear", "recurrent", "attention", "embed"})
_BY_CONSTRUCTOR = frozenset({"channels", "kernel", "stride", "padding", "dilation", "groups", "layer"})
_BATCH_NORM = "nn.BatchNorm2d(C)"


@dataclass(frozen=True, eq=False)
class Advisor:
    """Says what to do to the PyTorch side, so that it becomes what the other side is.

    `changes_right` tells which side that is; `sites` are the lines that make its modules, `inputs` what it
    calls its inputs, by blob.
    """

    found: Matching
    changes_right: bool
    sites: Mapping[str, Site]
    inputs: Mapping[str, str]

    def advice(self, change: Change) -> str | None:
        """Return what to do about a change, without the place; None when there is nothing to say."""
        own, wanted = (change.right, change.left) if self.changes_right else (change.left, change.right)
        lacks = change.kind in ("missing", "extra") and (own is None or wanted is None)
        if lacks and own is None and wanted is not None:
            return self._addition(wanted, change.companions)
        if lacks and own is not None:
            return self._removal(own, change.companions)
        if change.kind == "wiring":
            return self._wiring(change)
        if own is None or wanted is None:
            return self._small(own, wanted)
        return self._replacement(change.kind, own, wanted, change)

    def _replacement(self, kind: str, own: Op, wanted: Op, change: Change) -> str:
        if kind == "normalization":
            return f"use {self._norm(wanted)} instead of {self._norm(own)}"
        if kind == "activation":
            write = torch_code.function if self._is_function(own) else torch_code.activation
            return f"use {write(wanted)} instead of {write(own)}"
        if kind == "bias":
            return f"make it with bias={wanted.facts['bias']}"
        if wanted.kind in _BUILT and (kind in _BY_CONSTRUCTOR or wanted.kind in ("recurrent", "attention")):
            return f"make it {self._spelled_as(own, wanted)}"
        if kind in ("pooling", "resampling", "padding", "layer"):
            return f"use {self._spelled_as(own, wanted)} instead of {self._spelled_as(own, own)}"
        code, old_code = torch_code.code(wanted), torch_code.code(own)
        if wanted.kind in CALLS and code != old_code and own.kind == wanted.kind:
            return f"use {code} instead of {old_code}"
        value, old = change.left_value, change.right_value
        if not self.changes_right:
            value, old = old, value
        return f"use {value} instead of {old}"

    def _small(self, own: Op | None, wanted: Op | None) -> str | None:
        if wanted is not None:
            return self._addition(wanted, ())
        return None if own is None else self._removal(own, ())

    def kin(self, change: Change) -> object:
        """Return what changes have in common that are one piece of work: what to write, at which lines."""
        own, wanted = (change.right, change.left) if self.changes_right else (change.left, change.right)
        if own is not None or wanted is None or change.kind not in ("missing", "extra"):
            return self.advice(change)
        added = _in_order(wanted, change.companions)
        lines = [each if isinstance(each, str) else self._line(each) for each in self._anchors(wanted, added)]
        return self._made(added), *lines

    def _addition(self, wanted: Op, companions: tuple[Op, ...]) -> str:
        added = _in_order(wanted, companions)
        made = self._made(added)
        fed = wanted if wanted.inputs else next((each for each in added if each.inputs), wanted)
        anchors = [
            each if isinstance(each, str) else self._located(each) for each in self._anchors(fed, added)
        ]
        anchors = list(dict.fromkeys(anchors))
        if len(wanted.inputs) > 1 and len(anchors) > 1:
            return f"add {made}, of {' and '.join(anchors)}"
        return f"add {made}" + (f" after {anchors[0]}" if anchors else "")

    def _made(self, added: Sequence[Op]) -> str:
        return ", then ".join(self._code(op) for op in added)

    def _anchors(self, wanted: Op, added: Sequence[Op]) -> list[Op | str]:
        """Return what gives each operand of something missing: an operation, or words for one that is too."""
        found = (self._anchor(producer, added) for producer, _ in wanted.inputs)
        return [each for each in found if each is not None]

    def _anchor(self, index: int, added: Sequence[Op]) -> Op | str | None:
        theirs, mine = self._structures()
        partners = self.found.pairs if self.changes_right else self.found.back
        while index not in partners:
            op = theirs.ops[index]
            if is_weighted(op) and op not in added:
                return f"the new {self._code(op)}"
            producers = [producer for producer, _ in op.inputs]
            if not producers:
                return None
            index = max((each for each in producers if each not in partners), default=producers[0])
        return mine.ops[partners[index]]

    def _located(self, op: Op) -> str:
        line = self._line(op)
        return self._label(op) + (f" ({line})" if line else "")

    def _line(self, op: Op) -> str | None:
        """Return the line to change: that which makes the layer, else that which calls it."""
        if op.source is None:
            return None
        if self._is_layer(op):
            return str(self.sites[op.source.module])
        return None if op.source.file is None else f"{op.source.file}:{op.source.line}"

    def _code(self, op: Op) -> str:
        return self._norm(op) if op.kind == "norm" else torch_code.code(op)

    def _removal(self, own: Op, companions: tuple[Op, ...]) -> str:
        with_it = [words.title(op) for op in companions]
        return f"remove {self._spelled_as(own, own)}" + (f", with {' and '.join(with_it)}" if with_it else "")

    def _wiring(self, change: Change) -> str | None:
        own = change.right if self.changes_right else change.left
        feeds, spare = change.feeds[0 if self.changes_right else 1], change.spares[int(self.changes_right)]
        wanted, needless = (" and ".join(self._described(op) for op in ops) for ops in (feeds, spare))
        if not feeds:
            return f"take {needless} out of what it is fed" if spare else None
        if change.around is not None and spare:
            before = passes_on(feeds[0], spare[0])
            passed = self._described(spare[0] if before else feeds[0])
            ends = ("goes into", "comes out of") if before else ("comes out of", "goes into")
            return f"feed it what {ends[0]} {passed} instead of what {ends[1]} it"
        if own is not None and len(own.inputs) > 1 and _is_another_order(feeds, spare):
            return f"feed it {', then '.join(self._described(op) for op in feeds)}"
        return f"feed it {wanted} {'instead' if spare else 'as well'}"

    def _described(self, op: Op) -> str:
        """Return a layer by its path, and what is called as a function by what it is and where."""
        part = words.part(op)
        if part is not None:
            return f"part {part} of the Slice of {self._located(op)}"
        if op.kind == "input" or op.source is None or self._is_layer(op):
            return self._label(op)
        return f"the {words.title(op)} of {self._located(op)}"

    def _norm(self, op: Op) -> str:
        if op.kind != "norm":
            return f"{_BATCH_NORM} or none"
        facts = {**op.facts, "channels": "C"}
        return torch_code.norm_of(facts, op.shape)

    def _spelled_as(self, own: Op, wanted: Op) -> str:
        """Write a layer as the PyTorch side does: as a module where it has one, as a function that it calls.

        On a single pixel a convolution is a linear layer to ncnn.
        """
        convolves = own.source is not None and "conv" in own.source.op.lower()
        if wanted.kind == "linear" and convolves:
            return torch_code.pointwise(wanted, own.type)
        if wanted.kind == own.kind == "recurrent" and (count := self._stacked(own)) > 1:
            return f"{torch_code.code(wanted)[:-1]}, num_layers={count})"
        if wanted.kind == "resize" and self._is_layer(own):
            return torch_code.upsample(wanted)
        if wanted.kind == "activation" and self._is_function(own):
            return torch_code.function(wanted)
        return torch_code.code(wanted)

    def _stacked(self, own: Op) -> int:
        """Return how many layers of its kind the module of a recurrent layer has."""
        if own.source is None or not own.source.module:
            return 1
        made_by = [op.source.module for op in self._structures()[1] if op.kind == own.kind and op.source]
        return made_by.count(own.source.module)

    def _structures(self) -> tuple[Structure, Structure]:
        """Return the other side's structure and the PyTorch side's."""
        if self.changes_right:
            return self.found.left, self.found.right
        return self.found.right, self.found.left

    def _is_function(self, op: Op) -> bool:
        """Whether an activation is called as a function rather than made as a module."""
        return op.source is not None and not self._is_layer(op)

    def _is_layer(self, op: Op) -> bool:
        site = None if op.source is None else self.sites.get(op.source.module)
        return site is not None and site.is_layer

    def place(self, op: Op | None, *, is_own: bool) -> Place | None:
        """Return where an operation stands."""
        if op is None:
            return None
        module = "" if op.source is None else op.source.module
        site = self.sites.get(module) if is_own and self._is_layer(op) else None
        return Place(self._label(op), op.name, op.source, None if site is None else str(site))

    def _label(self, op: Op) -> str:
        """Return the module path where it is known, else the ncnn layer; an input by its name."""
        if op.kind == "input":
            return f"the input {self.inputs.get(op.facts['name'], op.facts['name'])}"
        if op.source is None:
            return op.name
        return op.source.module or "forward"


def _in_order(op: Op, companions: tuple[Op, ...]) -> list[Op]:
    return sorted((op, *companions), key=lambda each: each.index)


def _is_another_order(feeds: Sequence[Op], spare: Sequence[Op]) -> bool:
    wanted, given = [op.index for op in feeds], [op.index for op in spare]
    return len(wanted) > 1 and wanted != given and sorted(wanted) == sorted(given)
