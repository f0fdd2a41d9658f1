"""Functions that overwrite an argument, and what each of them computes."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Sequence
from typing import Any

import torch

_IN_PLACE = re.compile(r"__setitem__|__i(?!nvert)\w+__|[a-z]\w*[^_]_")


_NO_NUMBERS = frozenset(
    "t_ transpose_ swapaxes_ swapdims_ squeeze_ unsqueeze_ resize_ as_strided_ detach_ requires_grad_".split()
)
"""What changes a tensor, and none of its numbers."""


def writes(func: Any, kwargs: Any) -> bool:
    """Whether a function overwrites one of its arguments."""
    name = getattr(func, "__name__", "")
    return kwargs.get("out") is not None or bool(_IN_PLACE.fullmatch(name))


def out_of_place(
    func: Any, name: str, args: Sequence[Any], kwargs: dict[str, Any]
) -> tuple[Any, Sequence[Any], dict[str, Any]] | None:
    """The function without effects that an in-place one stands for, and its arguments."""
    if name.startswith("__i"):
        plain = getattr(torch.Tensor, f"__{name[3:]}", None)
        return plain and (plain, args, kwargs)
    if name.endswith("_") and not name.startswith("_") and name not in _NO_NUMBERS:
        plain = getattr(torch.Tensor, name[:-1], None) or getattr(torch, name[:-1], None)
        return plain and (plain, args, kwargs)
    signature = _signature(func)
    if signature is None:
        return None
    given = signature.bind(*args, **kwargs).arguments
    if not given.get("inplace"):
        return None
    return func, (), {**given, "inplace": False}


@functools.cache
def _signature(func: Any) -> inspect.Signature | None:
    """The signature of a function that can be told to work in place."""
    try:
        signature = inspect.signature(func)
    except (TypeError, ValueError):
        return None
    return signature if "inplace" in signature.parameters else None
