"""From a precision by name to the fields of `ncnn.Option` that make it."""

from __future__ import annotations

from collections.abc import Mapping

from edgekit.errors import UserError, did_you_mean

_HALF = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", "use_bf16_storage")

_ON: Mapping[str, tuple[str, ...]] = {
    "fp32": (),
    "fp16": ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"),
    "fp16-storage": ("use_fp16_packed", "use_fp16_storage"),
    "bf16": ("use_bf16_packed", "use_bf16_storage"),
    "int8": (),
}

PRECISIONS = tuple(_ON)


def ncnn_options(precision: str, threads: int = 1) -> dict[str, bool | int]:
    """Return the options of a precision, every half-precision flag said outright.

    fp16 flags act on CPUs with ARMv8.2 arithmetic and change nothing on x86. int8 is a property of the
    weights: with it, what is not quantised stays in fp32.

    Raises:
        UserError: no such precision.
    """
    if precision not in _ON:
        raise UserError(
            f"unknown precision '{precision}'",
            did_you_mean(precision, _ON) or "choose from " + ", ".join(_ON),
        )
    flags = {name: name in _ON[precision] for name in _HALF}
    return {"num_threads": threads, "use_vulkan_compute": False, **flags}
