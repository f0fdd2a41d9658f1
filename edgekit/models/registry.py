"""Names of the zoo to networks: `parse("mobilenet_v1:width=0.5")`, `build(spec, seed)`.

Importing this module does not import torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from edgekit.errors import UserError, did_you_mean, require
from edgekit.models.catalog import ENTRIES
from edgekit.models.entry import Entry, Value, ZooSpec

if TYPE_CHECKING:
    from torch import nn

_BY_NAME = {entry.name: entry for entry in ENTRIES}


def names() -> tuple[str, ...]:
    """The names of all networks, in the order of the catalogue."""
    return tuple(_BY_NAME)


def entries() -> tuple[Entry, ...]:
    """Return all entries, in the order of the catalogue."""
    return ENTRIES


def is_zoo_name(text: str) -> bool:
    """Whether a model spec names a zoo network (its arguments may still be wrong)."""
    return text.partition(":")[0].strip() in _BY_NAME


def entry(name: str) -> Entry:
    """Return the entry of that name; raises `UserError` for an unknown one."""
    found = _BY_NAME.get(name)
    if found is None:
        remedy = did_you_mean(name, _BY_NAME) or "'edgekit models' lists them"
        raise UserError(f"no zoo model is named '{name}'", remedy)
    return found


def parse(text: str) -> ZooSpec:
    """Read `name` or `name:argument=value,...`; raises `UserError` for anything unknown."""
    name, _, rest = text.partition(":")
    found = entry(name.strip())
    given: dict[str, Value] = {}
    for part in rest.split(",") if rest.strip() else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            raise UserError(f"'{part}' is not argument=value", f"write {name}:argument=value,...")
        argument = found.argument(key)
        if key in given:
            raise UserError(f"argument '{key}' is given twice", "give it once")
        given[key] = argument.parse(value)
    return ZooSpec(found, MappingProxyType({**found.defaults(), **given}))


def build_bare(spec: ZooSpec) -> nn.Module:
    """Make the network without its final weights, in eval mode (cheap under a meta device)."""
    torch = require("torch", "torch")
    builder = _resolve(spec.entry.builder)
    with torch.random.fork_rng(devices=[]):
        module: nn.Module = builder(**spec.builder_arguments)
    return module.eval()


def build(spec: ZooSpec | str, seed: int = 0) -> nn.Module:
    """Make the network with seeded weights and calibrated statistics (or its trained ones).

    Returns it in eval mode, without gradients. The same seed gives the same bits on the same
    machine, and the global random state is left alone.
    """
    settled = parse(spec) if isinstance(spec, str) else spec
    module = build_bare(settled)
    finished: nn.Module = _resolve(settled.entry.finisher)(module, settled, seed)
    return finished.eval().requires_grad_(False)


def _resolve(reference: str) -> Callable[..., Any]:
    module, _, attribute = reference.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return found
