"""A really trained network in seconds: MobileNet V2 in miniature on scikit-learn's digits.

The 1797 images of 8x8 pixels (UCI ML hand-written digits) are bundled with scikit-learn, so
nothing is downloaded. The trained weights are kept in the user's cache folder under the hash of
the recipe; where that folder cannot be written, every use trains anew.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from edgekit import scratch
from edgekit.errors import require
from edgekit.models.blocks import Classifier, ConvNormAct, InvertedResidual, pointwise
from edgekit.models.entry import ZooSpec
from edgekit.threads import one_thread

STEM = 16  # 8x8
# expansion, channels, repeats, stride of the first
BLOCKS = (
    (1, 16, 1, 1),  # 8x8
    (4, 24, 2, 2),  # 4x4
    (4, 40, 2, 2),  # 2x2
)
HEAD = 128
CLASSES = 10
TEST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the network is trained; its hash names the cached weights."""

    seed: int
    epochs: int = 8
    batch: int = 64
    peak_rate: float = 0.01
    weight_decay: float = 1e-3

    @property
    def key(self) -> str:
        """Short hash of everything that decides the trained weights."""
        facts = (asdict(self), STEM, BLOCKS, HEAD, TEST_SHARE, torch.__version__)
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Data:
    """Images (N, 1, 8, 8) in [0, 1] and their labels, split the same way for every seed."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


class DigitsNet(nn.Module):
    """Digits (N, 1, 8, 8) in [0, 1] to logits (N, 10)."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNormAct(1, STEM, 3, 1, "relu6")
        blocks: list[nn.Module] = []
        channels = STEM
        for expansion, out_channels, repeats, first_stride in BLOCKS:
            for index in range(repeats):
                stride = first_stride if index == 0 else 1
                blocks.append(InvertedResidual(channels, channels * expansion, out_channels, 3, stride))
                channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.head = pointwise(channels, HEAD, "relu6")
        self.classifier = Classifier(HEAD, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.blocks(x)
        x = self.head(x)
        x = self.classifier(x)
        return x


def build() -> DigitsNet:
    """Make the untrained network."""
    return DigitsNet()


def finish(module: nn.Module, _: ZooSpec, seed: int) -> nn.Module:
    """Give the network its trained weights, from the cache or by training it."""
    module.load_state_dict(trained_state(Recipe(seed)))
    return module


def load_data() -> Data:
    """Read scikit-learn's digits; raises `MissingPackage` where it is not installed."""
    datasets = require("sklearn.datasets", "zoo")
    images, labels = datasets.load_digits(return_X_y=True)
    images = torch.from_numpy((images / 16.0).astype(np.float32)).reshape(-1, 1, 8, 8)
    labels = torch.from_numpy(np.asarray(labels, dtype=np.int64))
    order: npt.NDArray[np.int64] = np.random.default_rng(0).permutation(len(labels))
    tests = round(len(order) * TEST_SHARE)
    test, train = torch.from_numpy(order[:tests]), torch.from_numpy(order[tests:])
    return Data(images[train], labels[train], images[test], labels[test])


def train(recipe: Recipe, data: Data) -> DigitsNet:
    """Train a network: AdamW under a one-cycle rate.

    Takes a few seconds on one thread, and gives the same bits for the same recipe on the same
    machine. The global random state and the number of threads are restored.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), one_thread():
        torch.manual_seed(recipe.seed)
        return _train(recipe, data)


def _train(recipe: Recipe, data: Data) -> DigitsNet:
    module = DigitsNet().train()
    steps = recipe.epochs * (len(data.train_labels) // recipe.batch)
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.peak_rate, total_steps=steps)
    for _ in range(recipe.epochs):
        order = torch.randperm(len(data.train_labels))
        for start in range(0, len(order) - recipe.batch + 1, recipe.batch):
            chosen = order[start : start + recipe.batch]
            loss = F.cross_entropy(module(data.train_images[chosen]), data.train_labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return module.eval()


def trained_state(recipe: Recipe) -> dict[str, Tensor]:
    """The trained weights of a recipe, read from the cache or trained and cached."""
    path = cache_folder() / f"digits-{recipe.key}.pt"
    cached = _read(path)
    if cached is not None:
        return cached
    state = train(recipe, load_data()).state_dict()
    _write(path, state)
    return state


def cache_folder() -> Path:
    """`edgekit` under the XDG cache folder."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "edgekit"


def _read(path: Path) -> dict[str, Tensor] | None:
    """Read cached weights; None where there are none, or none that fit (they are trained again)."""
    try:
        state: dict[str, Tensor] = torch.load(path, weights_only=True)
        with torch.random.fork_rng(devices=[]):
            DigitsNet().load_state_dict(state)
    except Exception:  # a damaged pickle can raise anything
        return None
    return state


def _write(path: Path, state: dict[str, Tensor]) -> None:
    """Write whole or not at all; a cache that cannot be written is no error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with scratch.part_of(path) as (part, file):
            torch.save(state, file)
            file.flush()
            part.replace(path)
    except (OSError, RuntimeError):
        return
