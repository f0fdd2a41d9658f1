"""The PyTorch spelling of an operation: what to write where a network has to be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgekit.differ import words
from edgekit.differ.structure import Op
from edgekit.differ.torch_calls import CALLS

_MODULES = {
    "relu": "nn.ReLU()",
    "relu6": "nn.ReLU6()",
    "sigmoid": "nn.Sigmoid()",
    "tanh": "nn.Tanh()",
    "mish": "nn.Mish()",
    "hardswish": "nn.Hardswish()",
    "hardsigmoid": "nn.Hardsigmoid()",
    "gelu": "nn.GELU()",
    "swish": "nn.SiLU()",
    "selu": "nn.SELU()",
    "softplus": "nn.Softplus()",
    "softmax": "nn.Softmax(dim={dim})",
    "glu": "nn.GLU(dim={dim})",
    "prelu": "nn.PReLU({0})",
    "leakyrelu": "nn.LeakyReLU({0:g})",
    "elu": "nn.ELU({0:g})",
    "celu": "nn.CELU({0:g})",
    "clip": "nn.Hardtanh({0:g}, {1:g})",
}
_HARD = {  # PyTorch's own have slope 1/6 and offset 1/2
    "hardsigmoid": "({0:g} * x + {1:g}).clamp(0, 1)",
    "hardswish": "x * ({0:g} * x + {1:g}).clamp(0, 1)",
}
_FUNCTIONS = {
    "relu": "torch.relu",
    "relu6": "F.relu6",
    "sigmoid": "torch.sigmoid",
    "tanh": "torch.tanh",
    "mish": "F.mish",
    "hardswish": "F.hardswish",
    "hardsigmoid": "F.hardsigmoid",
    "gelu": "F.gelu",
    "swish": "F.silu",
    "selu": "F.selu",
    "softplus": "F.softplus",
    "softmax": "F.softmax(x, dim={dim})",
    "glu": "F.glu(x, dim={dim})",
    "leakyrelu": "F.leaky_relu(x, {0:g})",
    "elu": "F.elu(x, {0:g})",
    "celu": "F.celu(x, {0:g})",
    "clip": "x.clamp({0:g}, {1:g})",
}


def code(op: Op) -> str:
    """Return the constructor or the function that makes the operation."""
    write = _CODES.get(op.kind)
    return words.title(op) if write is None else write(op)


def _linear(op: Op) -> str:
    facts = op.facts
    return f"nn.Linear({facts['in']}, {facts['out']}{'' if facts['bias'] else ', bias=False'})"


def pointwise(op: Op, layer_type: str) -> str:
    """Return a linear layer as the convolution that it is on a single pixel; `layer_type` is ncnn's."""
    facts, axes = op.facts, 1 if layer_type.endswith("1D") else 2
    return f"nn.Conv{axes}d({facts['in']}, {facts['out']}, 1{'' if facts['bias'] else ', bias=False'})"


def _recurrent(op: Op) -> str:
    both = ", bidirectional=True" if op.facts["direction"] == "bidirectional" else ""
    return f"nn.{op.facts['type']}({op.facts['in']}, {op.facts['hidden']}{both})"


def _attention(op: Op) -> str:
    facts = op.facts
    others = "".join(
        f", {name}={facts[key]}"
        for name, key in (("kdim", "keys"), ("vdim", "values"))
        if facts[key] != facts["out"]
    )
    return f"nn.MultiheadAttention({facts['out']}, {facts['heads']}{others})"


def _convolution(op: Op) -> str:
    facts = op.facts
    name = "nn.Conv" if op.kind == "conv" else "nn.ConvTranspose"
    arguments = [str(facts["in"] or "C"), str(facts["out"]), _each(facts["kernel"])]
    if set(facts["stride"]) != {1}:
        arguments.append(f"stride={_each(facts['stride'])}")
    padding = _padding(facts["pads"])
    if padding not in ("0", None):
        arguments.append(f"padding={padding}")
        if facts["mode"] in ("reflect", "replicate"):
            arguments.append(f'padding_mode="{facts["mode"]}"')
    if any(facts.get("output_padding", ())):
        arguments.append(f"output_padding={_each(facts['output_padding'])}")
    if set(facts["dilation"]) != {1}:
        arguments.append(f"dilation={_each(facts['dilation'])}")
    if facts["groups"] != 1:
        arguments.append(f"groups={facts['groups']}")
    made = f"{name}{len(facts['kernel'])}d({', '.join(arguments)})"
    return made if padding is not None else f"{pad_call(facts['pads'])} and {made}"


def _padding(amounts: Any) -> str | None:
    """Return the argument `padding`, None where PyTorch's convolution cannot do it."""
    if isinstance(amounts, str):
        return f'"{amounts}"'
    if any(low != high for low, high in amounts):
        return None
    return _each([low for low, _ in amounts])


def pad_call(amounts: Any) -> str:
    """Return the call that pads by hand: the innermost axis comes first."""
    while len(amounts) > 1 and not any(amounts[0]):
        amounts = amounts[1:]
    flat = [str(side) for axis in reversed(amounts) for side in axis]
    return f"F.pad(x, ({', '.join(flat)}))"


def _each(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len(set(sizes)) == 1 else str(tuple(sizes))


def activation(op: Op) -> str:
    """Return the module of an activation."""
    if op.facts["type"] == "leakyrelu" and words.is_of_prelu(op):
        return "nn.PReLU()"
    return _spelled(op, _MODULES)


def function(op: Op) -> str:
    """Return the function of an activation, or its module where it has none."""
    return activation(op) if words.is_of_prelu(op) else _spelled(op, {**_MODULES, **_FUNCTIONS})


def _spelled(op: Op, patterns: Mapping[str, str]) -> str:
    numbers, pattern = op.facts["params"], patterns.get(op.facts["type"])
    if pattern is None:
        return words.activation(op)
    if op.facts["type"] in ("softmax", "glu"):
        axis = numbers[0] if numbers else 0
        return pattern.format(dim=int(axis) + 1)
    if op.facts["type"] in _HARD and numbers:
        return _HARD[op.facts["type"]].format(*numbers)
    if op.facts["type"] == "gelu" and numbers:
        call = "nn.GELU(" if patterns is _MODULES else "F.gelu(x, "
        return f'{call}approximate="tanh")'
    return pattern.format(*numbers) if "{" in pattern else pattern


def norm(op: Op) -> str:
    """Return the module of a normalisation."""
    return norm_of(op.facts, op.shape)


def norm_of(facts: Mapping[str, Any], shape: tuple[int, ...] | None) -> str:
    """Return the module of a normalisation with these facts; `shape` tells the number of axes."""
    channels = facts["channels"] or "C"
    dims = len(shape) - 1 if shape is not None and len(shape) > 1 else 2
    eps = "" if facts["eps"] in (None, 1e-5) else f", eps={facts['eps']:g}"
    plain = "" if facts["affine"] else ", affine=False"
    match facts["type"]:
        case "GroupNorm":
            return f"nn.GroupNorm({facts['groups']}, {channels}{eps}{plain})"
        case "InstanceNorm":
            affine = ", affine=True" if facts["affine"] else ""
            return f"nn.InstanceNorm{dims}d({channels}{eps}{affine})"
        case "LayerNorm":
            return f"nn.LayerNorm({channels}{eps}{plain.replace('affine', 'elementwise_affine')})"
        case "BatchNorm":
            return f"nn.BatchNorm{dims}d({channels}{eps})"
    return str(facts["type"])


def _pool(op: Op) -> str:
    facts = op.facts
    kind = {"average": "Avg", "max": "Max"}.get(str(facts["type"]), str(facts["type"]))
    if "size" in facts:
        return f"nn.Adaptive{kind}Pool{len(facts['size'])}d({_each(facts['size'])})"
    arguments = [_each(facts["kernel"]), f"stride={_each(facts['stride'])}"]
    padding = _padding(facts["pads"])
    if padding not in ("0", None):
        arguments.append(f"padding={padding}")
    if facts["rounding"] == "full":
        arguments.append("ceil_mode=True")
    if facts.get("count_padding") is False:
        arguments.append("count_include_pad=False")
    return f"nn.{kind}Pool{len(facts['kernel'])}d({', '.join(arguments)})"


def _resize(op: Op) -> str:
    facts = op.facts
    target = f"size={tuple(facts['size'])}" if "size" in facts else f"scale_factor={_ratio(facts['scale'])}"
    aligned = ", align_corners=True" if facts["align_corners"] else ""
    return f'F.interpolate(x, {target}, mode="{facts["mode"]}"{aligned})'


def upsample(op: Op) -> str:
    """Return the module that resamples."""
    return _resize(op).replace("F.interpolate(x, ", "nn.Upsample(")


def _ratio(scale: Sequence[float]) -> str:
    return f"{scale[0]:g}" if len(set(scale)) == 1 else str(tuple(scale))


def _pad(op: Op) -> str:
    call = pad_call(op.facts["pads"])
    mode = {"reflect": "reflect", "replicate": "replicate"}.get(str(op.facts["mode"]))
    return call if mode is None else f'{call[:-1]}, mode="{mode}")'


_CODES: Mapping[str, Callable[[Op], str]] = {
    **CALLS,
    "activation": activation,
    "attention": _attention,
    "conv": _convolution,
    "deconv": _convolution,
    "embed": lambda op: f"nn.Embedding({op.facts['in']}, {op.facts['out']})",
    "linear": _linear,
    "norm": norm,
    "pad": _pad,
    "pool": _pool,
    "recurrent": _recurrent,
    "resize": _resize,
}
