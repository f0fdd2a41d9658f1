"""What the zoo knows of a model's inputs before anything is built: no torch is loaded for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from edgekit.errors import UserError, did_you_mean
from edgekit.sources.inputs import InputSpec


def zoo_inputs(text: str, given: Sequence[InputSpec]) -> list[InputSpec]:
    """Return the inputs of the zoo's model in its order: as they were given, else as the zoo describes them.

    Raises:
        UserError: the model or an input of that name is not known.
    """
    from edgekit.models import registry

    zoo = registry.parse(text)
    defaults = {
        each.name: InputSpec(each.name, each.shape, value_range=each.range, kind=each.kind)
        for each in zoo.inputs
    }
    for each in given:
        if each.name not in defaults:
            remedy = did_you_mean(each.name, defaults) or f"its inputs are {', '.join(defaults)}"
            raise UserError(f"{zoo.name} has no input '{each.name}'", remedy)
    named = {each.name: each for each in given}
    return [_merged(default, named.get(name)) for name, default in defaults.items()]


def _merged(default: InputSpec, given: InputSpec | None) -> InputSpec:
    """What the user says of a zoo input, filled up with what the zoo knows."""
    if given is None:
        return default
    return replace(
        given, value_range=given.value_range or default.value_range, kind=given.kind or default.kind
    )
