"""Which part of a tensor an in-place operation wrote, so that whoever looks at it sees what was written.

Functionalised, `x[:, :7] += y` is a scatter of the sum into x and the same slice of the result. A reader of
that slice depends on the sum alone, not on the rest of x, as the operations would have it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edgekit.runtimes.torch_replay import Ref

_SCATTERS = {f"aten.{view}_scatter": f"aten.{view}" for view in ("slice", "select", "diagonal")}


class WrittenParts:
    """What lies where in the tensors that a scatter made; arguments hold a `Ref` for each tensor."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[str, Any, int]] = {}  # made by a scatter: the view, its place, the value

    def note(self, func: Any, args: Any, kwargs: Any, outputs: Sequence[int | None]) -> None:
        """Remember an operation that was executed, if it is a scatter."""
        view = _SCATTERS.get(str(func.overloadpacket))
        if view is not None and outputs[0] is not None:
            self._parts[outputs[0]] = (view, (args[2:], kwargs), args[1].value)

    def read_back(self, func: Any, args: Any, kwargs: Any) -> int | None:
        """Return the value that an operation only shows again, None for any other operation."""
        if not args or not isinstance(args[0], Ref) or args[0].value not in self._parts:
            return None
        view, place, value = self._parts[args[0].value]
        return value if (view, place) == (str(func.overloadpacket), (args[1:], kwargs)) else None
