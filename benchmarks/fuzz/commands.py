"""Which command lines read which file; every case of a campaign damages one file and runs one of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """A file to damage, the kind of its content, the commands that read it, and how often it is chosen.

    Commands run in the folder of the material. A command that starts with `pnnx` reads pnnx's files by the
    library, because no command takes them by name; one that starts with `runner` gives the self-test of an
    Android app to the worker in C++, as the app does.
    """

    file: str
    kind: str
    commands: tuple[str, ...]
    weight: float


_BUNDLE = (
    "inspect bundle --json result.json",
    "verify bundle --json result.json --html result.html --junit result.xml",
    "diff bundle sound --json result.json",
    "android bundle --app app --json result.json",
)

_ROUNDABOUT = (
    "verify sound/../bundle",
    "inspect ./bundle/",
    "diff bundle/../bundle sound",
    "verify bundle/..",
)

_FORECAST = ("verify bundle --forecast fp16 --json result.json",)
_IMPORT = ("bench --import bench.json --json result.json", "bench --import bench.json --html result.html")

_NET = "net.py:Net --input image=1x3x8x8"
_BENCH = ("bench bundle", "bench bundle --layers")

SUBJECTS = (
    Subject("bundle/model.ncnn.param", "param", _BUNDLE, 12),
    Subject("bundle/model.ncnn.bin", "raw", _BUNDLE, 5),
    Subject("bundle/manifest.json", "json", (*_BUNDLE, "verify bundle --inputs inputs.npz"), 20),
    Subject("bundle/alignment.json", "json", (*_BUNDLE[:2], _BUNDLE[3], "verify bundle"), 20),
    Subject("bundle/reference.npz", "npz", ("verify bundle --json result.json", _BUNDLE[3]), 10),
    Subject("bundle", "folder", (*_BUNDLE, *_ROUNDABOUT), 4),
    Subject(
        "bare.param", "param", ("inspect bare.param", "diff bundle bare.param", "diff bare.param bundle"), 24
    ),
    Subject("bare.bin", "raw", ("inspect bare.param", "diff bundle bare.param"), 6),
    Subject("net.pnnx.param", "text", ("inspect net.pnnx.param", "pnnx net.pnnx.param net.pnnx.bin"), 6),
    Subject("net.pnnx.bin", "raw", ("pnnx net.pnnx.param net.pnnx.bin",), 4),
    Subject("inputs.npz", "npz", ("verify bundle --inputs inputs.npz",), 6),
    Subject("picture.png", "raw", ("verify bundle --inputs picture.png",), 3),
    Subject("sound.wav", "raw", ("verify bundle --inputs sound.wav",), 1),
    Subject("bench.json", "json", ("bench bundle --against bench.json",), 4),
    Subject("bench.json", "json", (*_IMPORT, "bench --import bench.json --against bench.json"), 8),
    Subject("selftest/message.json", "packed json", ("runner selftest",), 4),
    Subject("selftest/tensors.bin", "packed raw", ("runner selftest",), 2),
    Subject("selftest/model.ncnn.param", "packed param", ("runner selftest",), 2),
    Subject("bundle/model.ncnn.param", "param", _FORECAST, 1),
    Subject("bundle/model.ncnn.bin", "raw", _FORECAST, 1),
    Subject("bundle/reference.npz", "npz", _FORECAST, 1),
    Subject("suite.toml", "text", ("bench suite.toml",), 4),
    # what follows runs for seconds where the damage does no harm
    Subject("bundle/model.ncnn.param", "param", _BENCH, 1),
    Subject("bundle/model.ncnn.bin", "raw", _BENCH, 0.5),
    Subject("bundle/manifest.json", "json", _BENCH, 1),
    Subject("bundle/alignment.json", "json", _BENCH, 1),
    Subject("bundle/reference.npz", "npz", _BENCH, 0.5),
    Subject("bare.param", "param", ("bench bare.param --input in0=3x8x8",), 1),
    Subject("net.toml", "text", ("export net.toml -o out --json result.json",), 3),
    Subject("net.safetensors", "raw", (f"export {_NET} --weights net.safetensors -o out",), 1),
    Subject("state.pt", "zip", (f"export {_NET} --weights state.pt -o out",), 1),
    Subject("net.pt", "zip", ("export net.pt --input image=1x3x8x8 -o out",), 1),
    Subject("net.onnx", "raw", ("export net.onnx -o out --json result.json",), 1),
    Subject("bare.param", "param", (f"diff bare.param {_NET}",), 0.5),
    Subject("bare.param", "param", (f"weights bare.param {_NET} -o back.safetensors",), 0.5),
    Subject("bare.bin", "raw", (f"weights bare.param {_NET} -o back.safetensors",), 0.5),
    Subject("bare.param", "param", ("verify bare.param --model net.py:Net --input image=1x3x8x8",), 0.5),
)
