"""Damage to the graph of a .param: cycles, names twice, unknown types, counts and sizes that none has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

Words = list[list[str]]
"""The words of each line behind the first two, which hold the magic number and the counts."""


def wiring(path: Path, random: Random) -> str:
    """Change what is connected to what, or what a layer says of itself."""
    magic, counts, *lines = path.read_text("utf-8").splitlines()
    layers = [line.split() for line in lines if line.strip()]
    change = random.choice(_CHANGES)
    said = change(layers, random)
    if random.random() < 0.5:  # with counts that fit what is there now, so that later checks are reached
        blobs = {blob for words in layers for blob in _outputs(words)}
        counts = f"{len(layers)} {len(blobs)}"
    path.write_text("\n".join([magic, counts, *map(" ".join, layers), ""]), "utf-8")
    return f"{change.__name__}: {said}"


def _inputs(words: list[str]) -> list[str]:
    return words[4 : 4 + int(words[2])]


def _outputs(words: list[str]) -> list[str]:
    start = 4 + int(words[2])
    return words[start : start + int(words[3])]


def cycle(layers: Words, random: Random) -> str:
    """Let a layer read what it, or a layer behind it, makes."""
    readers = [index for index, words in enumerate(layers) if int(words[2]) > 0]
    index = random.choice(readers)
    later = random.choice(range(index, len(layers)))
    blob = (_outputs(layers[later]) or _outputs(layers[index]) or ["x"])[0]
    layers[index][4 + random.randrange(int(layers[index][2]))] = blob
    return f"layer {index} reads '{blob}' of layer {later}"


def same_name(layers: Words, random: Random) -> str:
    first, second = (random.randrange(len(layers)) for _ in range(2))
    layers[second][1] = layers[first][1]
    return f"layers {first} and {second} are called '{layers[first][1]}'"


def same_blob(layers: Words, random: Random) -> str:
    """Let two layers make one blob."""
    makers = [index for index, words in enumerate(layers) if int(words[3]) > 0]
    first, second = random.choice(makers), random.choice(makers)
    blob = _outputs(layers[first])[0]
    layers[second][4 + int(layers[second][2])] = blob
    return f"layers {first} and {second} make '{blob}'"


def other_type(layers: Words, random: Random) -> str:
    index = random.randrange(len(layers))
    kind = random.choice(("Convalution", "", "-1", "pnnx.Output", *(words[0] for words in layers), *_TYPES))
    layers[index][0] = kind or "_"
    return f"layer {index} is '{kind}'"


def counts(layers: Words, random: Random) -> str:
    """Let a layer announce other numbers of inputs or outputs."""
    index, place = random.randrange(len(layers)), random.choice((2, 3))
    layers[index][place] = random.choice(("0", "-1", "3", "1000000", "2147483647", "4294967296"))
    return f"layer {index} has {layers[index][place]} {'inputs' if place == 2 else 'outputs'}"


def size(layers: Words, random: Random) -> str:
    """Give a parameter a size that none has, or a layer one more parameter."""
    index = random.randrange(len(layers))
    places = [place for place, word in enumerate(layers[index]) if "=" in word]
    number = random.choice(("0", "-1", "-233", "2147483647", "-2147483648", "1000000", "1e30", "nan", "0.5"))
    if places and random.random() < 0.7:
        place = random.choice(places)
        key = layers[index][place].partition("=")[0]
        layers[index][place] = f"{key}={number}"
        return f"parameter {key} of layer {index} is {number}"
    key = str(random.choice((0, 1, 3, 9, 31, 32, 233, -23303, -23300)))
    many = random.choice(("1", "3,1,1,1", "1000000", "-1,1", "2147483647,1"))
    layers[index].append(f"{key}={many}")
    return f"layer {index} has {key}={many}"


def drop(layers: Words, random: Random) -> str:
    index = random.randrange(len(layers))
    return f"layer {index} is gone: {' '.join(layers.pop(index))[:60]}"


def deep(layers: Words, random: Random) -> str:
    """Put a chain of thousands of layers behind the last one."""
    blob, count = (_outputs(layers[-1]) or ["x"])[0], random.choice((2000, 20_000))
    for number in range(count):
        layers.append(["ReLU", f"deep_{number}", "1", "1", blob, f"d{number}"])
        blob = f"d{number}"
    return f"{count} layers more"


_TYPES = (
    "Split", "Concat", "Reshape", "Permute", "LSTM", "MultiHeadAttention", "Gemm", "Crop", "Slice", "Interp",
    "Deconvolution", "Embed", "Padding", "MemoryData", "Squeeze", "YoloDetectionOutput", "Proposal", "Einsum",
)  # fmt: skip
_CHANGES: tuple[Callable[[Words, Random], str], ...] = (
    cycle, cycle, same_name, same_blob, other_type, other_type, counts, size, size, size, drop, deep
)  # fmt: skip
