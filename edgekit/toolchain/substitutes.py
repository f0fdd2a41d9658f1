"""Equivalent operations for those that the converter misreads or does not know, put in during a trace.

Each substitute is the same mathematics in operations that arrive in ncnn. The reference is always the
model as it was written, so a substitute that were not the same would fail the export's own check.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from edgekit.toolchain import (
    high_rank,
    recurrent,
    substitute_arithmetic,
    substitute_attention,
    substitute_indexing,
    substitute_masks,
    substitute_norms,
    substitute_padding,
    substitute_resizes,
    substitute_running,
    substitute_shapes,
    substitute_spelling,
)
from edgekit.toolchain.effects import writes
from edgekit.toolchain.folding import FILLED, ComputedConstants
from edgekit.toolchain.in_place import PartWrites
from edgekit.toolchain.substitution import Noted, Silent, tensors_in

_TABLES = (
    substitute_masks.RULES,
    recurrent.RULES,
    high_rank.RULES,
    substitute_shapes.RULES,
    substitute_resizes.RULES,
    substitute_norms.RULES,
    substitute_padding.RULES,
    substitute_spelling.RULES,
    substitute_running.RULES,
    substitute_indexing.RULES,
    substitute_attention.RULES,
    substitute_arithmetic.RULES,
)
_SUBSTITUTES = {
    func: [table[func] for table in _TABLES if func in table]
    for func in itertools.chain.from_iterable(_TABLES)
}
"""Function -> its rules, of which the first that applies is followed."""

_SIZES = frozenset({torch.Tensor.shape.__get__, torch.Tensor.size, torch.Tensor.numel})  # type: ignore[attr-defined]
"""What they return is a tensor in a trace, but no number of the input."""


class Substitutes(TorchFunctionMode):
    """Replaces functions while it is active; `notes` counts in plain words what it did.

    Values are `live` when they depend on an input of the model; an index or a mask that is not is a constant.
    `known` are the parameters and buffers of the model. With `apart` the parts of attention are kept from
    being taken for one layer; `attends` tells whether there may be such parts. `made_bytes` is how much a run
    that has ended held in the end.
    """

    def __init__(
        self,
        known: Iterable[torch.Tensor] = (),
        *,
        dynamic: bool = False,
        onnx: bool = False,
        apart: bool = False,
    ) -> None:
        super().__init__()
        self.onnx = onnx
        self.dynamic = dynamic
        self.apart = apart
        self.attends = False
        self.notes: Counter[str] = Counter()
        self._live: dict[int, torch.Tensor] = {}  # keeps them, so that an id stays its own
        self._constants = ComputedConstants(known)
        self.views: dict[int, Any] = {}
        self.masks: dict[int, Callable[[], torch.Tensor]] = {}
        self.made_bytes = 0
        self._in_front = recurrent.BatchInFront()
        self._parts = PartWrites(self._call)

    def __exit__(self, *exception: Any) -> None:
        """End the run: what it made is not kept any longer than its ids count."""
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        self.made_bytes = sum(each.nbytes for each in self._live.values())
        self._live.clear()
        self._constants.taken()
        self.views.clear()
        self.masks.clear()
        self._parts.clear()

    def as_written(self, value: Any) -> Any:
        """Return a tree with every tensor as it is after what was assigned to its parts."""
        return self._parts.handed(value)

    def begin(self, inputs: Iterable[torch.Tensor]) -> None:
        """Name the inputs of the model."""
        self._live.update((id(each), each) for each in inputs)

    def texts(self) -> list[str]:
        """Return what was done."""
        return [text if count == 1 else f"{text} ({count} times)" for text, count in self.notes.items()]

    def is_live(self, value: Any) -> bool:
        """Whether a value holds a tensor that depends on an input."""
        return any(id(leaf) in self._live for leaf in tensors_in(value))

    def before_recurrent(self, layer: recurrent.Layer, args: Any, kwargs: Any) -> Any:
        """Return other arguments for a recurrent layer, or None.

        Without a first state of zeros, with which it starts anyway, and with its batch of one in front.
        """
        given = dict(inspect.signature(layer.forward).bind(*args, **kwargs).arguments)
        zeros = self._constants.all_zeros(given.get("hx"))
        if zeros:
            self.notes["left out a first state of zeros, with which a recurrent layer starts anyway"] += 1
            del given["hx"]
        turned = self._in_front.before(layer, given)
        if turned:
            self.notes[recurrent.BatchInFront.text] += 1
        return (tuple(given.values()), {}) if zeros or turned else None

    def after_recurrent(self, layer: recurrent.Layer, args: Any, result: Any) -> Any:
        """Return the result of a recurrent layer with the batch where it was, or None."""
        return self._in_front.after(layer, result, self.views)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = args
        args, kwargs = self._parts.current(args), self._parts.current(kwargs or {})
        if self._changes_part(func, given, kwargs):
            self.notes[PartWrites.text] += 1
            return None if func is torch.Tensor.__setitem__ else given[0]
        result = self._call(func, args, kwargs)
        if func is torch.Tensor.__getitem__ and isinstance(result, torch.Tensor) and not self.dynamic:
            self._parts.seen(given[0], given[1], result)
        return result

    def _changes_part(self, func: Any, args: Any, kwargs: Any) -> bool:
        """Whether a function changed a part of a tensor, which is on the account then."""
        assigns = func is torch.Tensor.__setitem__
        if self.dynamic or not args or not (assigns or self._parts.follows(args[0])):
            return False
        if not (self._parts.is_written(args[0]) or self.is_live((args, kwargs))):
            return False
        if assigns:
            chosen = not self.is_live(args[1]) or id(args[1]) in self.masks
            return chosen and self._parts.assign(*args)
        return self._parts.change(func, args, kwargs)

    def _call(self, func: Any, args: Any, kwargs: Any = None) -> Any:
        """Run a function or what stands for it, and note what depends on an input."""
        kwargs = kwargs or {}
        live = self.is_live((args, kwargs))
        if writes(func, kwargs):
            self._note_written(args, kwargs, live)
        elif live and not self.dynamic:
            args, kwargs = self._constants.folded(func, (args, kwargs))
        self.attends = self.attends or func in substitute_attention.RULES
        result = NotImplemented
        for text, substitute in _SUBSTITUTES.get(func, ()) if live else ():
            with _quiet():
                result = substitute(self, *args, **kwargs)
            if result is not NotImplemented:
                result = self._noted(result, text)
                break
        if result is NotImplemented:
            result = func(*args, **kwargs)
        leaves = list(tensors_in(result))
        if func in FILLED:
            self._constants.add(leaves, ())
        elif live and func not in _SIZES:
            self._live.update((id(leaf), leaf) for leaf in leaves)
        elif leaves and not live:
            self._constants.add(leaves, (args, kwargs))
        return result

    def _noted(self, result: Any, text: str) -> Any:
        """Return a result without the words about it, which are noted."""
        if not isinstance(result, Silent):
            self.notes[result.text if isinstance(result, Noted) else text] += 1
        return result.result if isinstance(result, Noted | Silent) else result

    def _note_written(self, args: Any, kwargs: Any, live: bool) -> None:
        """Earlier copies of what is overwritten are out of date, and it may depend on an input now."""
        if not live:
            self._constants.forget_copies()
            return
        # Other views of the same numbers change with it, and nobody keeps account of those.
        targets = [*tensors_in((args, kwargs)), *self._constants.taken()]
        self._live.update((id(each), each) for each in targets)


@contextmanager
def _quiet() -> Iterator[None]:
    """Sizes read here are constants on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
