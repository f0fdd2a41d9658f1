"""What to do about operations that do not arrive in ncnn: known obstacles and the way around each."""

from __future__ import annotations

import re

_RESIZES = ("nearest1d", "nearest2d", "linear1d", "bilinear2d", "bicubic2d")
RELATED: dict[str, tuple[str, ...]] = {
    "slice": ("slice", "select"),
    "reshape": ("reshape", "view", "flatten", "_unsafe_view"),
    "to": ("to", "_to_copy"),
    "scatternd": ("slice_scatter", "select_scatter", "index_put", "copy"),
    "slice_copy": ("copy", "copy_"),
    "tile": ("tile", "repeat", "expand"),
    "index": ("index", "select"),
    "gather": ("gather", "index", "index_select", "embedding", "select"),
    "gathernd": ("index", "gather"),
    "gatherelements": ("gather",),
    "scatterelements": ("scatter",),
    "pad": (
        "pad",
        "constant_pad_nd",
        *(f"{kind}_pad{n}d" for kind in ("reflection", "replication") for n in "123"),
    ),
    "interpolate": tuple(f"upsample_{each}" for each in _RESIZES),
    "instancenorm1d": ("instance_norm", "native_group_norm", "native_batch_norm"),
    "mod": ("remainder", "fmod"),
    "trilu": ("triu", "tril"),
    "topk": ("topk", "sort", "argsort"),
    "onehot": ("one_hot",),
    "not": ("logical_not", "bitwise_not"),
    "and": ("logical_and", "bitwise_and"),
    "or": ("logical_or", "bitwise_or"),
    "greater": ("gt",),
    "greaterorequal": ("ge",),
    "less": ("lt",),
    "lessorequal": ("le",),
    "equal": ("eq",),
    "fft_rfft": ("fft_rfft", "fft_r2c"),
    "fft_irfft": ("fft_irfft", "fft_c2r"),
    "fft_fft": ("fft_fft", "fft_c2c", "fft_r2c"),
    "stft": ("stft", "fft_r2c"),
    "istft": ("istft", "fft_c2r"),
    "std": ("std", "std_mean"),
    "var": ("var", "var_mean"),
    "max": ("max", "amax"),
    "min": ("min", "amin"),
}
"""Operation of pnnx or ONNX -> the operations of PyTorch that may have become it."""

FEWER_AXES = "merge axes by reshape before others are split off; ncnn holds four and a batch of 1 in front"

_COMPARE = (
    "ncnn has no truth values: return (a > b).float() instead of a > b, and use a > b in products, "
    "torch.where of floats, or &, | and ~"
)
"""A comparison that ends in numbers is converted."""

_REMEDIES: dict[str, str] = {
    "fft_rfft": "do the transform outside the model, or as a fixed convolution with cosine and sine kernels",
    "fft_irfft": "do the transform outside the model, or as a fixed transposed convolution",
    "fft_fft": "do the transform outside the model, or as a fixed convolution with cosine and sine kernels",
    "stft": "do the transform outside the model, or as a fixed convolution with cosine and sine kernels",
    "istft": "do the transform outside the model, or as a fixed transposed convolution",
    "var": "write the variance as (x - x.mean(dim, keepdim=True)).pow(2).mean(dim)",
    "std": "write the deviation as (x - x.mean(dim, keepdim=True)).pow(2).mean(dim).sqrt()",
    "argmax": "return the scores and take the argmax on the device",
    "argmin": "return the scores and take the argmin on the device",
    "max": "take x.amax(dim), and the argmax on the device where positions are asked for",
    "min": "take x.amin(dim), and the argmin on the device where positions are asked for",
    "topk": "return the scores and sort them on the device",
    "sort": "return the numbers and sort them on the device",
    "argsort": "return the numbers and sort them on the device",
    "index": "use fixed slices, or torch.chunk and torch.cat, instead of indexing by a tensor",
    "gatherelements": "use fixed slices, or torch.chunk and torch.cat, instead of indexing by a tensor",
    "gather": "use fixed slices, or torch.chunk and torch.cat, instead of indexing by a tensor",
    "index_select": "use fixed slices, or torch.chunk and torch.cat, instead of indexing by a tensor",
    "scatternd": "write the result with torch.cat of slices instead of assigning to a part of a tensor",
    "index_put": "write the result with torch.cat of slices instead of assigning to places of a tensor",
    "slice_copy": "write the result with torch.cat of slices instead of assigning to a part of a tensor",
    "to": "ncnn keeps float32 and turns nothing else into it: describe an input that the model turns into "
    "floats as float32 (--input mask=1x16@0..1, without :int64)",
    "pad": "pad by fixed numbers: ncnn cannot compute them from the size of the input",
    "threshold": "write it with clamp or relu",
    "scatterelements": "write the result with torch.cat of slices",
    "gathernd": "use fixed slices, or torch.chunk and torch.cat, instead of indexing by a tensor",
    "mod": "write x - torch.floor(x / n) * n",
    "trilu": "make the mask a buffer of the model",
    "scatter": "write the result with torch.cat of slices",
    "amax": "use F.adaptive_max_pool2d(x, 1) instead of amax over the plane",
    "where": "write the choice as mask * a + (1 - mask) * b, with a mask of numbers, (a > b).float()",
    "gt": _COMPARE,
    "lt": _COMPARE,
    "ge": _COMPARE,
    "le": _COMPARE,
    "eq": _COMPARE,
    "ne": _COMPARE,
    "cumsum": "multiply by a triangular matrix of ones",
    "cumprod": "take logarithms and multiply by a triangular matrix of ones",
    "einsum": "write it as permute and matmul",
    "roll": "write it as torch.cat of two slices",
    "slice": "use slices with step 1 and fixed bounds; a strided slice is a max pooling with kernel 1",
    "bitwise_and": "multiply masks of 0 and 1 instead",
    "bitwise_or": "take torch.clamp(a + b, max=1) of masks of 0 and 1",
    "logical_and": "multiply masks of 0 and 1 instead",
    "logical_not": "write 1 - mask with masks of 0 and 1",
    "floor_divide": "divide, then torch.floor",
    "remainder": "write x - torch.floor(x / n) * n",
    "fmod": "write x - torch.floor(x / n) * n",
    "scaled_dot_product_attention": "write attention as matmul, softmax, matmul",
    "grid_sample": "resize with F.interpolate where that will do",
    "upsample_bicubic2d": "resize with mode='bilinear'",
    "tensor_split": "use torch.chunk or torch.split with fixed sizes",
    "norm": "write it as x.pow(2).sum(dim).sqrt()",
    "repeat_interleave": "use F.interpolate(mode='nearest'), or expand and reshape",
    "triu": "make the mask a buffer of the model",
    "tril": "make the mask a buffer of the model",
    "clone": "leave the clone out",
}


def short(op: str) -> str:
    """Return the bare name of an operator of pnnx: `torch.fft.rfft` is fft_rfft, `aten::add` add."""
    return op.rpartition("::")[2].partition(".")[2].replace(".", "_") or op.rpartition("::")[2]


def for_op(op: str, detail: str | None, route: str) -> str:
    """Return the remedy for an operator of pnnx; `detail` may hold the expression that it stands for."""
    names = [short(op), *expression_ops(detail)]
    known = next((_REMEDIES[name.lower()] for name in names if name.lower() in _REMEDIES), None)
    return known or f"write it with operations that ncnn has, or {other_route(route)}"


def expression_ops(expression: str | None) -> list[str]:
    """The function names in an expression of pnnx, `add(@0,gt(@1,0))` -> add, gt."""
    return re.findall(r"([A-Za-z_]\w*)\(", expression or "")


def other_route(route: str) -> str:
    """The remedy of last resort."""
    return "try --route onnx" if route == "pnnx" else "try --route pnnx"
