"""Suites: TOML files that name blocks and the settings to vary, and become one small net per row.

schema = "edgekit.suite/1"
title = "Depthwise separable against the standard convolution that it replaces"

[[rows]]
block = "separable"               # of edgekit.bencher.blocks
baseline = { block = "standard" } # measured with the same other settings, and compared
planes = [[32, 112], [256, 14]]   # channels and size that go together
kernel = [3, 5]                   # a list is varied, in all combinations
stride = 1

[[rows]]
network = "mobilenet_v2"          # of [networks], see edgekit.bencher.networks
width = [0.5, 1.0]
resolution = [160, 224]
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgekit import schema
from edgekit.bencher.blocks import BLOCKS, Setting, block
from edgekit.bencher.networks import network_graph
from edgekit.bencher.targets import Input, Target
from edgekit.errors import FormatError, UserError, did_you_mean
from edgekit.files import read_toml
from edgekit.formats import ncnn as ncnn_files
from edgekit.graph import Graph
from edgekit.ops.cost import cost

SCHEMA = "edgekit.suite/1"

_MOST_NETS = 1000  # of one row; quick, each takes a few seconds
_ROW_KEYS = ("block", "network", "baseline", "planes", "group")


@dataclass(frozen=True, slots=True)
class Row:
    """One net of a suite; `baseline` names the row that it is compared with."""

    name: str
    group: str
    graph: Graph
    settings: Mapping[str, Setting]
    baseline: str | None = None

    def facts(self, suite: str) -> dict[str, Any]:
        """What the report says beside the measured numbers."""
        macs, parameters = totals(self.graph)
        return {
            "suite": suite,
            "group": self.group,
            "settings": dict(self.settings),
            "macs": macs,
            "parameters": parameters,
            "baseline": self.baseline,
        }


def load_suite(path: Path, folder: Path) -> tuple[Target, ...]:
    """Read a suite and write the `.param` of each row into `folder`.

    Raises:
        FormatError: the file is no suite.
        UserError: a row that cannot be built.
    """
    document = _read(path)
    title = str(document.get("title", path.stem))
    rows: dict[str, Row] = {}
    for number, entry in enumerate(document["rows"], start=1):
        try:
            for row in _expand(entry, document.get("networks", {})):
                rows.setdefault(row.name, row)
        except UserError as error:
            raise UserError(f"row {number} of '{path}': {error.message}", error.remedy) from None
    return tuple(
        _target(row, folder / f"{number:03d}.param", row.facts(title))
        for number, row in enumerate(rows.values())
    )


def totals(graph: Graph) -> tuple[int, int]:
    """Return MACs and parameters of a graph whose blobs have shapes."""
    costs = [
        cost(
            layer,
            [graph.shapes[blob] for blob in layer.inputs],
            [graph.shapes[blob] for blob in layer.outputs],
        )
        for layer in graph
    ]
    return sum(each.macs for each in costs), sum(each.parameters for each in costs)


def _read(path: Path) -> dict[str, Any]:
    document = read_toml(path)
    if document.get("schema") != SCHEMA:
        raise FormatError(f"'{path}' is no suite", f'a suite begins with schema = "{SCHEMA}"')
    rows = document.get("rows")
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise FormatError(f"'{path}' has no rows", "add a [[rows]] table with a block or a network")
    return document


def _expand(entry: Mapping[str, Any], networks: Mapping[str, Any]) -> Iterator[Row]:
    """Yield a row for each combination of settings, each behind its baseline."""
    if ("block" in entry) == ("network" in entry):
        raise UserError("a row needs a block or a network", "blocks: " + ", ".join(BLOCKS))
    varied = {key: value for key, value in entry.items() if key not in _ROW_KEYS}
    group = str(entry.get("group", entry.get("block", entry.get("network"))))
    for settings in _combinations(varied, entry.get("planes")):
        if "network" in entry:
            yield _network_row(str(entry["network"]), group, settings, networks)
        else:
            yield from _block_rows(str(entry["block"]), group, settings, entry.get("baseline"))


def _combinations(varied: Mapping[str, Any], planes: Any) -> Iterator[dict[str, Setting]]:
    lists = {key: value if isinstance(value, list) else [value] for key, value in varied.items()}
    empty = [key for key, values in {**lists, "planes": planes}.items() if values == []]
    if empty:
        raise UserError(f"{empty[0]} is an empty list", "give at least one value")
    if not (planes is None or isinstance(planes, list)):
        raise UserError(f"planes is {planes!r}", "write channels and sizes, as in [[32, 112], [64, 56]]")
    pairs: Sequence[Any] = [None] if planes is None else planes
    number = math.prod([len(pairs), *map(len, lists.values())])
    if number > _MOST_NETS:
        raise UserError(f"it stands for {number:,} nets", f"vary less: {_MOST_NETS:,} are the most")
    for plane, values in itertools.product(pairs, itertools.product(*lists.values())):
        settings = dict(zip(lists, values, strict=True))
        if plane is not None:
            if not (isinstance(plane, list) and len(plane) == 2 and all(type(each) is int for each in plane)):
                raise UserError(f"{plane!r} is no plane", "write channels and size, as in [32, 112]")
            settings = {"channels": plane[0], "size": plane[1], **settings}
        yield settings


def _block_rows(name: str, group: str, settings: dict[str, Setting], baseline: Any) -> Iterator[Row]:
    found = block(name)
    reference = None
    if baseline is not None:
        if not isinstance(baseline, dict):
            raise UserError("a baseline is a table", 'write it as in baseline = { block = "standard" }')
        kind = str(baseline.get("block", name))
        other = block(kind)
        shared = {
            key: value for key, value in settings.items() if key in ("channels", "size", *other.defaults)
        }
        shared |= {key: value for key, value in baseline.items() if key != "block"}
        reference = _name(kind, shared)
        yield Row(reference, group, other.graph(shared), shared)
    yield Row(_name(name, settings), group, found.graph(settings), settings, reference)


def _network_row(name: str, group: str, settings: dict[str, Setting], networks: Mapping[str, Any]) -> Row:
    if name not in networks:
        raise UserError(
            f"there is no network '{name}'", did_you_mean(name, networks) or "add it under [networks]"
        )
    with schema.reading(f"networks.{name}", "write it as in benchmarks/suites/multipliers.toml"):
        graph = network_graph(networks[name], settings)
    return Row(_name(name, settings), group, graph, settings)


def _name(kind: str, settings: Mapping[str, Setting]) -> str:
    """Return `separable 32x56x56 kernel 3`: channels and size first, then what else is set."""
    rest = [f"{key} {value}" for key, value in settings.items() if key not in ("channels", "size")]
    plane = []
    if "channels" in settings and "size" in settings:
        plane = [f"{settings['channels']}x{settings['size']}x{settings['size']}"]
    return " ".join([kind, *plane, *rest])


def _target(row: Row, path: Path, facts: Mapping[str, Any]) -> Target:
    ncnn_files.write(row.graph, path)
    return Target(
        name=row.name,
        param=path,
        bin=None,
        inputs=tuple(Input(blob, row.graph.shapes[blob]) for blob in row.graph.input_blobs),
        outputs=row.graph.output_blobs,
        graph=row.graph,
        facts=facts,
    )
