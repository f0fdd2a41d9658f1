"""The floors of the house hold, and the contracts that hold them catch a breach."""

import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_imports_run_downward_only() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("units.py", "import edgekit.report", "Imports run downward only"),
        ("graph/graph.py", "from edgekit.formats import __doc__", "Imports run downward only"),
        ("devices/local.py", "def f():\n    import ncnn", "ncnn is loaded in the worker only"),
        ("formats/__init__.py", "def f():\n    import torch", "The lower floors need numpy alone"),
        ("worker/protocol.py", "import edgekit.errors", "The worker imports nothing of edgekit"),
    ],
)
def test_a_breach_is_caught(tmp_path: Path, module: str, line: str, contract: str) -> None:
    shutil.copytree(ROOT / "edgekit", tmp_path / "edgekit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "edgekit" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    result = lint(tmp_path)
    assert result.returncode == 1, result.stdout + result.stderr
    broken = [each for each in result.stdout.splitlines() if " BROKEN" in each]
    assert any(each.startswith(contract) for each in broken), result.stdout


def test_a_room_on_no_floor_is_caught(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "edgekit", tmp_path / "edgekit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "edgekit" / "attic.py").write_text("")
    result = lint(tmp_path)
    assert result.returncode == 1
    assert "edgekit.attic" in result.stdout


def test_the_ncnn_contract_names_every_room_but_the_worker() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    sources = {contract["id"]: set(contract.get("source_modules", ())) for contract in contracts}
    rooms = {f"edgekit.{module.name}" for module in pkgutil.iter_modules([str(ROOT / "edgekit")])}
    assert sources["ncnn"] == rooms - {"edgekit.worker", "edgekit.__main__"}


def test_the_architecture_page_has_every_room_on_its_floor() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    floors = next(contract["layers"] for contract in contracts if contract["id"] == "floors")
    rooms = {
        room.strip(" ()"): str(floor)
        for floor, names in enumerate(reversed(floors), start=-1)
        for room in names.split(":")
    }
    rooms["worker"] = ""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| *(\d*) \| ((?:`\w+` ?)+) \|", page, re.MULTILINE)
    assert {name: floor for floor, names in rows for name in re.findall(r"\w+", names)} == rooms
