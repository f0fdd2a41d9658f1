"""Sound files of every kind, made once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz"


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(FUZZ))
    try:
        from material import make
    finally:
        sys.path.remove(str(FUZZ))
    folder: Path = make(tmp_path_factory.mktemp("fuzz") / "material")
    return folder
