"""Place the blobs below a fault: assume a tensor, inject it, and see whether what follows matches again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgekit.alignment.matching import Observation
from edgekit.alignment.observe import Observer, Port
from edgekit.alignment.walk import State


def repair(
    state: State,
    observer: Observer,
    outputs: Sequence[Port],
    left: Sequence[int],
    seen: Mapping[str, Observation],
) -> list[str]:
    return []
