"""Bundles of the nets that half precision breaks, each exported once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import edgekit
from tests.repairer import nets

Exported = Callable[[str], Path]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    folder = tmp_path_factory.mktemp("halves")

    def export(name: str) -> Path:
        path = folder / name
        if not path.exists():
            kind, shape = nets.BROKEN.get(name) or nets.SOUND[name]
            edgekit.export(nets.build(kind), path, inputs={"x": shape})
        return path

    return export


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)
