"""Ask a net that may kill ncnn: what it dies of is left out, and the rest is asked again.

A wrong shape in one layer makes ncnn write past a buffer or abort a few layers further down. The layers
above, and every layer run alone on right inputs, still have answers, and those name the guilty one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edgekit.devices import Device, Reply, WorkerCrashed
from edgekit.graph import Graph
from edgekit.runtimes.ncnn import Case, run_cases

_MOST_CRASHES = 24
_MOST_OF_A_BLOB = 2
_STEP = re.compile(r"(?:layer '.*', )?blob (?P<blob>.+) of case (?P<case>\S+)")


@dataclass(frozen=True, slots=True)
class Survivors:
    """The reply without what ncnn died of (None where nothing is left to ask), and what it died of."""

    reply: Reply | None
    crashes: tuple[str, ...] = ()


def run_survivors(
    device: Device,
    param: Path,
    weights: Path,
    graph: Graph,
    cases: Iterable[Case],
    options: Mapping[str, Any],
    *,
    threads: int = 1,
    group: Callable[[str], str] = str,
) -> Survivors:
    """Run all cases; after a crash run them again without the blobs that it concerns.

    What kills, and every run from the net's inputs, then comes last: a layer that overruns its memory there
    may kill whatever comes after it. Cases whose ids `group` maps to the same word lose their blobs together;
    what has killed several times is left out of all cases that start from the same shapes.

    Raises:
        WorkerCrashed: ncnn died outside the cases, as on loading the net, or again and again.
    """
    asked = {case.id: case for case in cases}
    crashes: list[str] = []
    died: set[str] = set()
    deaths: Counter[str] = Counter()
    while True:
        left = [case for case in asked.values() if case.outputs]
        if crashes:
            left.sort(key=lambda case: (case.id in died, _depth(graph, case)))
        if not left:
            return Survivors(None, tuple(crashes))
        try:
            return Survivors(
                run_cases(device, param, weights, left, options, threads=threads), tuple(crashes)
            )
        except WorkerCrashed as crash:
            blob, case = crash_site(crash.step)
            if case not in asked or len(crashes) >= _MOST_CRASHES:
                raise
            crashes.append(str(crash))
            below = {*descendants(graph, blob), blob}
            again = case in died
            deaths[blob] += 1
            sisters = [each for each in asked if group(each) == group(case)]
            if deaths[blob] > _MOST_OF_A_BLOB:
                given = _shapes(asked[case])
                sisters = [each for each in asked if each in sisters or _shapes(asked[each]) == given]
            died.update(sisters)
            for sister in sisters:
                mended = asked.pop(sister)
                kept = tuple(each for each in mended.outputs if each not in below)
                # Memory that was written past its end kills later and elsewhere: give up more each time.
                handed_on = None if mended.keep is None else tuple(b for b in mended.keep if b not in below)
                kept = kept[: len(kept) // 2] if again else kept
                asked[sister] = replace(mended, outputs=kept, keep=handed_on)


def _shapes(case: Case) -> object:
    """What decides whether ncnn survives a case: where it starts and with which shapes, not which numbers."""
    return {(blob, feed.array.shape, feed.batch_axis) for blob, feed in case.inputs.items()}


def _depth(graph: Graph, case: Case) -> int:
    """How far a case runs from the net's inputs; 0 for one that starts anywhere else."""
    if not all(blob in graph.input_blobs for blob in case.inputs):
        return 0
    return max(graph.blobs[blob].producer for blob in case.outputs)


def crash_site(step: str) -> tuple[str, str]:
    """Return blob and case at which the worker died, empty where its last step says nothing of the kind."""
    match = _STEP.fullmatch(step)  # as `worker.run` words it
    return (match["blob"], match["case"]) if match else ("", "")


def descendants(graph: Graph, blob: str) -> set[str]:
    """Return the blobs that are computed from a blob."""
    found: set[str] = set()
    pending = [blob]
    while pending:
        for index in graph.blobs[pending.pop()].consumers:
            fresh = [output for output in graph.layers[index].outputs if output not in found]
            found.update(fresh)
            pending.extend(fresh)
    return found
