"""Attention written out: the converter forgets masks, or the causal ones.

It also takes products and softmax for one layer, and dies of that where the layer has no bias and its queries
come from elsewhere. On the second try they are kept `apart` from each other.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
import torch.nn.functional as F

from edgekit.toolchain.substitution import Rule, State, sizes_of, untraced

_NEVER = -3e4
"""Added to a score it leaves a weight of 0, as -inf does; float16 holds it, and NaN is not far from -inf."""

_LARGEST = 3e38


def _attention(
    state: State,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(q k' scale + mask) v, where there is a mask or the parts stay apart."""
    plain = attn_mask is None and not is_causal
    if (plain and not state.apart) or dropout_p or enable_gqa:
        return NotImplemented
    if is_causal:
        with untraced():
            attn_mask = _causal(sizes_of(query)[-2], sizes_of(key)[-2])
    mask = _added(state, attn_mask)
    if mask is None and not plain:
        return NotImplemented
    width = sizes_of(query)[-1]
    scores = query @ key.transpose(-2, -1) * (width**-0.5 if scale is None else scale)
    return _weights(state, scores if mask is None else scores + mask) @ value


def _weights(state: State, scores: torch.Tensor) -> torch.Tensor:
    """Softmax over the last axis; kept apart, a clamp that no number exceeds stands before it."""
    return (scores.clamp(-_LARGEST, _LARGEST) if state.apart else scores).softmax(-1)


def _softmax(state: State, x: torch.Tensor, dim: Any = None, *_: Any, **__: Any) -> Any:
    """Put the same clamp before a softmax that the model wrote itself, where it may be one of attention."""
    if not state.apart or x.dim() < 3 or dim not in (-1, x.dim() - 1):
        return NotImplemented
    return _weights(state, x)


def _causal(rows: int, columns: int) -> torch.Tensor:
    return torch.where(torch.ones(rows, columns, dtype=torch.bool).tril(), 0.0, _NEVER)


def _added(state: State, mask: torch.Tensor | None, *, true_is: str = "kept") -> torch.Tensor | None:
    """Return a mask as numbers to add to the scores; None for a truth value that depends on an input."""
    if mask is None or (state.is_live(mask) and mask.dtype is not torch.bool):
        return mask
    if state.is_live(mask):
        return None
    with untraced():
        if mask.dtype is not torch.bool:
            return mask.detach().clamp(min=_NEVER)
        kept = mask if true_is == "kept" else ~mask
        return torch.where(kept, 0.0, _NEVER)


_HEADS = inspect.signature(F.multi_head_attention_forward)


def _multi_head(state: State, *args: Any, **kwargs: Any) -> Any:
    """`F.multi_head_attention_forward` on (length, batch, width), where there is a mask or parts stay apart.

    In ONNX also where the queries come from elsewhere: PyTorch then splits keys and values in five axes.
    """
    given = _HEADS.bind(*args, **kwargs)
    given.apply_defaults()
    a = given.arguments
    masked = a["attn_mask"] is not None or a["key_padding_mask"] is not None
    odd = a["bias_k"] is not None or a["add_zero_attn"] or a["static_k"] is not None
    crossed = state.onnx and a["query"] is not a["key"]
    if not (masked or crossed or state.apart) or odd or a["query"].dim() != 3 or state.dynamic:
        return NotImplemented
    masks = [_added(state, a[name], true_is="masked") for name in ("attn_mask", "key_padding_mask")]
    if any(a[name] is not None and mask is None for name, mask in zip(_MASKS, masks, strict=True)):
        return NotImplemented
    q, k, v = _projected(a)
    scores = q @ k.transpose(-2, -1) * sizes_of(q)[-1] ** -0.5
    for mask in masks:
        if mask is not None:
            scores = scores + _over_heads(mask, a["num_heads"], padding=mask is masks[1])
    weights = _weights(state, scores)
    length, batch, width = sizes_of(a["query"])
    joined = (weights @ v).transpose(1, 2).reshape(batch, length, width)
    result = F.linear(joined, a["out_proj_weight"], a["out_proj_bias"]).transpose(0, 1)
    if not a["need_weights"]:
        return result, None
    return result, weights.mean(1) if a["average_attn_weights"] else weights


_MASKS = ("attn_mask", "key_padding_mask")


def _projected(a: dict[str, Any]) -> list[torch.Tensor]:
    """Queries, keys and values as (batch, heads, length, width of a head)."""
    heads = a["num_heads"]
    with untraced():
        if a["use_separate_proj_weight"]:
            weights = [a[f"{name}_proj_weight"] for name in "qkv"]
        else:
            weights = [each.contiguous() for each in a["in_proj_weight"].detach().chunk(3)]
        bias = a["in_proj_bias"]
        biases = [None] * 3 if bias is None else [each.contiguous() for each in bias.detach().chunk(3)]
    found = []
    for name, weight, bias in zip(("query", "key", "value"), weights, biases, strict=True):
        length, batch, _ = sizes_of(a[name])
        projected = F.linear(a[name].transpose(0, 1), weight, bias)
        found.append(projected.reshape(batch, length, heads, -1).transpose(1, 2))
    return found


def _over_heads(mask: torch.Tensor, heads: int, *, padding: bool) -> torch.Tensor:
    """Give a mask the axes of the scores (batch, heads, length, length of the keys)."""
    if padding:
        return mask[:, None, None, :]
    if mask.dim() == 2:
        return mask
    return mask.reshape(-1, heads, *sizes_of(mask)[1:])


_APART = "kept the parts of attention apart: the converter dies where it takes them for one layer"
RULES: dict[Any, tuple[str, Rule]] = {
    F.scaled_dot_product_attention: ("wrote attention as products and softmax", _attention),
    F.multi_head_attention_forward: ("wrote attention as products and softmax", _multi_head),
    F.softmax: (_APART, _softmax),
    torch.softmax: (_APART, _softmax),
    torch.Tensor.softmax: (_APART, _softmax),
}
