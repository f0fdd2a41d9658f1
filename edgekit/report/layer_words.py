"""A layer's parameters in a few words, as people write them: `3x3 s2 p1 relu`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgekit.ops import Activation
from edgekit.units import format_shape

_SHOWN = {
    "BinaryOp": ("op_type", "b"),
    "CELU": ("alpha",),
    "Clip": ("min", "max"),
    "Concat": ("axis",),
    "Eltwise": ("op_type",),
    "ELU": ("alpha",),
    "GLU": ("axis",),
    "GroupNorm": ("group", "eps"),
    "GRU": ("num_output", "direction"),
    "InnerProduct": ("activation",),
    "InstanceNorm": ("eps",),
    "Interp": ("resize_type",),
    "LayerNorm": ("eps",),
    "LSTM": ("num_output", "direction"),
    "MultiHeadAttention": ("num_heads",),
    "Padding": ("top", "bottom", "left", "right", "type"),
    "Permute": ("order_type",),
    "PixelShuffle": ("upscale_factor",),
    "Reduction": ("operation", "axes"),
    "ReLU": ("slope",),
    "RNN": ("num_output", "direction"),
    "ShuffleChannel": ("group",),
    "Slice": ("axis",),
    "Softmax": ("axis",),
    "UnaryOp": ("op_type",),
}
_BARE = frozenset({"op_type", "operation", "resize_type", "direction", "type", "pooling_type"})


def detail(layer_type: str, facts: Mapping[str, Any]) -> str:
    """Return what tells this layer from others of its type; empty where there is nothing to tell."""
    if "kernel" in facts:
        return " ".join([*_window(facts), *_quantised(facts)])
    words = [_word(name, facts[name]) for name in _SHOWN.get(layer_type, ()) if name in facts]
    if facts.get("with_scalar") == 0:
        words = [word for word in words if not word.startswith("b=")]
    return " ".join(word for word in (*words, *_quantised(facts)) if word)


def _quantised(facts: Mapping[str, Any]) -> list[str]:
    return ["int8"] if facts.get("int8_scale_term") else []


def _window(facts: Mapping[str, Any]) -> list[str]:
    if facts.get("global_pooling"):
        return [f"global {facts['pooling_type']}"]
    if facts.get("adaptive_pooling"):
        size = format_shape(facts[name] for name in ("out_h", "out_w") if name in facts)
        return [f"adaptive {facts['pooling_type']} to {size}"]
    words = [format_shape(facts["kernel"])]
    words += [_pair("s", facts.get("stride"), 1), _pair("p", facts.get("pads"), 0)]
    words += [_pair("d", facts.get("dilation"), 1)]
    if facts.get("group", 1) > 1:
        depthwise = facts.get("in_channels") == facts["group"] == facts.get("num_output")
        words.append("depthwise" if depthwise else f"g{facts['group']}")
    if "pooling_type" in facts:
        words.insert(0, str(facts["pooling_type"]))
    if facts.get("activation"):
        words.append(_word("activation", facts["activation"]))
    return [word for word in words if word]


def _pair(letter: str, sizes: Sequence[Any] | None, usual: int) -> str:
    """`s2`, `s2x1`, `p1`, `p(0,1)x(0,1)`; nothing where all is as usual."""
    if sizes is None:
        return ""
    flat = [number for size in sizes for number in (size if isinstance(size, tuple) else (size,))]
    if all(number == usual for number in flat):
        return ""
    if len(set(flat)) == 1:
        return f"{letter}{flat[0]}"
    parts = [
        str(size[0]) if isinstance(size, tuple) and len(set(size)) == 1 else str(size).replace(" ", "")
        for size in sizes
    ]
    return letter + "x".join(parts)


def _word(name: str, value: Any) -> str:
    if isinstance(value, Activation):
        numbers = ",".join(f"{number:g}" for number in value.params)
        return f"{value.name}({numbers})" if numbers else value.name
    if name in _BARE:
        return "" if value == "forward" else str(value)
    if isinstance(value, float):
        return "" if name == "slope" and value == 0 else f"{name}={value:g}"
    if isinstance(value, tuple):
        return f"{name}={','.join(map(str, value))}"
    return f"{name}={value}"
