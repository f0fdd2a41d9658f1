"""edgekit where nothing but numpy is installed: a real virtual environment that holds nothing else."""

import importlib.metadata
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import numpy
import pytest

ROOT = Path(__file__).resolve().parents[1]
CORE_ROOMS = (
    "errors",
    "units",
    "schema",
    "graph",
    "ops",
    "formats",
    "numerics",
    "bundle",
    "devices",
    "report",
)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds numpy (as links, so that nothing is downloaded)."""
    folder = tmp_path_factory.mktemp("bare") / "venv"
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site_packages = folder / "lib" / version / "site-packages"
    package = Path(numpy.__file__).parent
    metadata = Path(str(importlib.metadata.distribution("numpy").locate_file("")))
    for source in (package, *metadata.glob("numpy.libs"), *metadata.glob("numpy-*.dist-info")):
        (site_packages / source.name).symlink_to(source)
    (site_packages / "edgekit.pth").write_text(f"{ROOT}\n")
    return folder / "bin" / "python"


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    return subprocess.run(
        [python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_the_environment_is_bare(bare: Path, tmp_path: Path) -> None:
    for package in ("torch", "ncnn", "onnx", "matplotlib", "pytest"):
        assert run(bare, "-c", f"import {package}", cwd=tmp_path).returncode == 1, package
    assert run(bare, "-c", "import numpy", cwd=tmp_path).returncode == 0


def test_every_core_module_imports(bare: Path, tmp_path: Path) -> None:
    code = f"""
import importlib, pkgutil, edgekit
for room in {CORE_ROOMS!r}:
    module = importlib.import_module("edgekit." + room)
    for each in pkgutil.walk_packages(getattr(module, "__path__", ()), module.__name__ + "."):
        importlib.import_module(each.name)
        print(each.name)
"""
    result = run(bare, "-c", code, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "edgekit.graph.graph" in result.stdout


def test_help_works(bare: Path, tmp_path: Path) -> None:
    for arguments in (["--help"], ["--version"], ["verify", "--help"]):
        result = run(bare, "-m", "edgekit", *arguments, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        assert "edgekit" in result.stdout


def test_doctor_says_what_is_missing_and_how_to_get_it(bare: Path, tmp_path: Path) -> None:
    result = run(bare, "-m", "edgekit", "doctor", "--json", "-", cwd=tmp_path)
    assert result.returncode == 1, result.stderr
    assert result.stderr == ""
    document = json.loads(result.stdout)
    assert document["core_usable"] is False
    jobs = {job["name"]: job for job in document["jobs"]}
    assert jobs["export"]["detail"] == "not installed: torch, safetensors"
    assert jobs["export"]["remedy"] == "pip install 'edgekit[torch]'"
    assert jobs["bench"]["usable"] is False
    assert "edgekit[ncnn]" in jobs["bench"]["remedy"]
    versions = {package["name"]: package["version"] for package in document["packages"]}
    assert versions["numpy"] == numpy.__version__
    assert versions["torch"] is None


def test_an_export_names_the_extra_to_install(bare: Path, tmp_path: Path) -> None:
    result = run(bare, "-m", "edgekit", "export", "mobilenet_v2", "-o", "bundle", cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "edgekit: error: package 'torch' is not installed",
        "  remedy: install it with: pip install 'edgekit[torch]'",
    ]
    assert list(tmp_path.iterdir()) == []


def test_the_api_names_the_extra_to_install(bare: Path, tmp_path: Path) -> None:
    code = """
import edgekit
try:
    edgekit.export("mobilenet_v2", "bundle")
except edgekit.UserError as error:
    print(type(error).__name__, error.remedy)
"""
    result = run(bare, "-c", code, cwd=tmp_path)
    assert result.stdout == "MissingPackage install it with: pip install 'edgekit[torch]'\n", result.stderr
