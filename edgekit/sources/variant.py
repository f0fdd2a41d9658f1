"""The model as the converters see it: the same mathematics with the known obstacles out of the way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from edgekit.sources.adapter import Adapter
from edgekit.toolchain.substitutes import Substitutes
from edgekit.toolchain.tracing_copy import tracing_copy


class Variant:
    """A module that runs with substitutes in force; `copied` says what is different in its modules."""

    def __init__(self, adapter: Adapter) -> None:
        self._original = adapter
        self._module, self.copied = tracing_copy(adapter.original)
        self.substituted: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether it is another program than the original; known once it ran."""
        return self._module is not self._original.original or bool(self.substituted)

    @contextmanager
    def running(self) -> Iterator[Adapter]:
        """Give an adapter whose runs inside the block are substituted."""
        substitutes = Substitutes()
        adapter = self._original.derived(self._module, substitutes.begin)
        with substitutes:
            yield adapter
        self._original.tree = adapter.tree or self._original.tree
        self.substituted = tuple(substitutes.texts())

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done, in plain words."""
        return (*self.copied, *self.substituted)


def run(adapter: Adapter, tensors: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    """Run an adapter's module without gradients and return its flat tensors."""
    with torch.no_grad():
        result = adapter.module(*tensors)
    return list(result) if isinstance(result, tuple) else [result]
