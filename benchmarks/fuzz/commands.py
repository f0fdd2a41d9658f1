"""Which command lines read which file; every case of a campaign damages one file and runs one of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """A file to damage, the kind of its content, the commands that read it, and how often it is chosen.

    Commands run in the folder of the material. A command that starts with `pnnx` reads pnnx's files by the
    library, because no command takes them by name.
    """

    file: str
    kind: str
    commands: tuple[str, ...]
    weight: float


_BUNDLE = (
    "inspect bundle --json result.json",
    "verify bundle --json result.json --html result.html --junit result.xml",
    "diff bundle sound --json result.json",
)

_NET = "net.py:Net --input image=1x3x8x8"
_BENCH = ("bench bundle", "bench bundle --layers")

SUBJECTS = (
    Subject("bundle/model.ncnn.param", "text", _BUNDLE, 12),
    Subject("bundle/model.ncnn.bin", "raw", _BUNDLE, 5),
    Subject("bundle/manifest.json", "json", (*_BUNDLE, "verify bundle --inputs inputs.npz"), 20),
    Subject("bundle/alignment.json", "json", (*_BUNDLE[:2], "verify bundle"), 20),
    Subject("bundle/reference.npz", "npz", ("verify bundle --json result.json",), 10),
    Subject("bundle", "folder", _BUNDLE, 3),
    Subject(
        "bare.param", "text", ("inspect bare.param", "diff bundle bare.param", "diff bare.param bundle"), 24
    ),
    Subject("bare.bin", "raw", ("inspect bare.param", "diff bundle bare.param"), 6),
    Subject("net.pnnx.param", "text", ("inspect net.pnnx.param", "pnnx net.pnnx.param net.pnnx.bin"), 6),
    Subject("net.pnnx.bin", "raw", ("pnnx net.pnnx.param net.pnnx.bin",), 4),
    Subject("inputs.npz", "npz", ("verify bundle --inputs inputs.npz",), 6),
    Subject("picture.png", "raw", ("verify bundle --inputs picture.png",), 3),
    Subject("sound.wav", "raw", ("verify bundle --inputs sound.wav",), 1),
    Subject("bench.json", "json", ("bench bundle --against bench.json",), 4),
    Subject("suite.toml", "text", ("bench suite.toml",), 4),
    # what follows runs for seconds where the damage does no harm
    Subject("bundle/model.ncnn.param", "text", _BENCH, 1),
    Subject("bundle/model.ncnn.bin", "raw", _BENCH, 0.5),
    Subject("bundle/manifest.json", "json", _BENCH, 1),
    Subject("bundle/alignment.json", "json", _BENCH, 1),
    Subject("bundle/reference.npz", "npz", _BENCH, 0.5),
    Subject("bare.param", "text", ("bench bare.param --input in0=3x8x8",), 1),
    Subject("net.toml", "text", ("export net.toml -o out --json result.json",), 3),
    Subject("net.safetensors", "raw", (f"export {_NET} --weights net.safetensors -o out",), 1),
    Subject("state.pt", "raw", (f"export {_NET} --weights state.pt -o out",), 1),
    Subject("net.pt", "raw", ("export net.pt --input image=1x3x8x8 -o out",), 1),
    Subject("net.onnx", "raw", ("export net.onnx -o out --json result.json",), 1),
    Subject("bare.param", "text", (f"weights bare.param {_NET} -o back.safetensors",), 0.5),
    Subject("bare.bin", "raw", (f"weights bare.param {_NET} -o back.safetensors",), 0.5),
    Subject("bare.param", "text", ("verify bare.param --model net.py:Net --input image=1x3x8x8",), 0.5),
)
