"""Nothing that is merely read is ever run: checkpoints, bundles, arrays, names."""

from __future__ import annotations

import ast
import functools
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import edgekit
from edgekit.cli.main import main

PACKAGE = Path(edgekit.__file__).parent

NET = """\
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
    def forward(self, x):
        return self.conv(x)
"""


class Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Iterator[Path]:
    """A folder that only code which must not run would make."""
    path = tmp_path / "was-here"
    yield path
    assert not path.exists()


def refused(capsys: pytest.CaptureFixture[str], *argv: str | Path) -> str:
    """Run a command that has to answer with one line and a remedy; return the line."""
    assert main([str(word) for word in argv]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("edgekit: error: ") and second.startswith("  remedy: ")
    return first


def test_the_evil_pickle_is_one(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Evil(tmp_path / "made")))
    assert (tmp_path / "made").is_dir()


# --- checkpoints -------------------------------------------------------------------------------------------


def test_a_checkpoint_with_code_in_it_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, mark: Path
) -> None:
    (tmp_path / "net.py").write_text(NET)
    torch.save({"conv.weight": torch.zeros(4, 3, 3, 3), "conv.bias": Evil(mark)}, tmp_path / "evil.pt")
    line = refused(
        capsys, "export", tmp_path / "net.py:Net", "--input", "x=1x3x8x8",
        "--weights", tmp_path / "evil.pt", "-o", tmp_path / "out",
    )  # fmt: skip
    assert "Python objects, which are not loaded because they could run code" in line


def test_a_pickled_module_is_no_model(capsys: pytest.CaptureFixture[str], tmp_path: Path, mark: Path) -> None:
    torch.save(Evil(mark), tmp_path / "evil.pt")
    line = refused(capsys, "export", tmp_path / "evil.pt", "--input", "x=1x3x8x8", "-o", tmp_path / "out")
    assert "not a TorchScript file" in line


# --- bundles -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a model in a file, whose code makes a mark whenever it runs."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "net.py").write_text(NET)
    edgekit.export(f"{folder}/net.py:Net", folder / "bundle", inputs={"x": (1, 3, 8, 8)})
    return folder / "bundle"


@pytest.fixture
def bundle(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "bundle"))


def with_manifest(bundle: Path, key: str, **changes: object) -> None:
    """Change entries of one of the manifest's objects."""
    path = bundle / "manifest.json"
    document = json.loads(path.read_text())
    document[key].update(changes)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("options", [[], ["--ladder"], ["--inputs", "inputs.npz"]])
def test_the_code_that_a_bundle_names_is_not_run(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    bundle: Path,
    mark: Path,
    options: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "inputs.npz", x=np.zeros((1, 3, 8, 8), np.float32))
    (tmp_path / "net.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n{NET}")
    for kind, spec in (("file", f"{tmp_path}/net.py:Net"), ("module", "net:Net")):
        with_manifest(bundle, "model", kind=kind, spec=spec)
        code = main(["verify", str(bundle), *options])
        error = capsys.readouterr().err
        assert code == (2 if options else 0), error
        assert not options or "--model" in error


def test_a_pickle_among_the_references_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, bundle: Path, mark: Path
) -> None:
    array = np.empty(1, object)
    array[0] = Evil(mark)
    names = zipfile.ZipFile(bundle / "reference.npz").namelist()
    np.savez(bundle / "reference.npz", **{name.removesuffix(".npy"): array for name in names})
    assert "object instead of plain numbers" in refused(capsys, "verify", bundle)
    np.savez(tmp_path / "inputs.npz", x=array)
    shutil.copytree(bundle, tmp_path / "again")
    assert "damaged" in refused(capsys, "verify", tmp_path / "again", "--inputs", tmp_path / "inputs.npz")


def test_a_zip_bomb_is_refused_before_it_unpacks(capsys: pytest.CaptureFixture[str], bundle: Path) -> None:
    with zipfile.ZipFile(bundle / "reference.npz") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(bundle / "reference.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content[:128] + bytes(1 << 28))  # 256 MiB each, out of 256 KiB
    assert "bytes and has" in refused(capsys, "verify", bundle)


@pytest.mark.parametrize("name", ["../net.py", "/etc/passwd", "a/b", "..", "", "a\\b"])
def test_a_bundle_names_no_file_outside(capsys: pytest.CaptureFixture[str], bundle: Path, name: str) -> None:
    with_manifest(bundle, "files", **{name: "0" * 64})
    assert "is not a plain file name" in refused(capsys, "inspect", bundle)


@pytest.mark.parametrize(
    "name", ["$(mkdir was-here)", "; mkdir was-here;", "`mkdir was-here`", "a'\"b", "ü ß", "-x"]
)
def test_names_of_folders_are_names_and_nothing_else(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    made: Path,
    mark: Path,
    name: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / name)
    assert main(["verify", "--json", "result.json", "--html", "result.html", "--", name]) == 0
    assert json.loads((tmp_path / "result.json").read_text())["verdict"] == "pass"


# --- the source itself -------------------------------------------------------------------------------------

_RUNS_CODE = ("eval", "exec", "compile", "__import__", "os.system", "os.popen")
_LOADS_PICKLES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


@functools.cache
def nodes() -> list[tuple[str, ast.AST]]:
    """Every node of the package's source, with its file."""
    return [
        (path.relative_to(PACKAGE).as_posix(), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
    ]


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function or method of this name in the package, with its file."""
    for file, node in nodes():
        if isinstance(node, ast.Call):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if called == name:
                yield file, node


def keywords(call: ast.Call) -> dict[str, object]:
    return {each.arg: getattr(each.value, "value", ...) for each in call.keywords if each.arg}


def test_code_is_run_in_one_place_only() -> None:
    found = {
        (file, name)
        for name in _RUNS_CODE
        for file, call in calls(name.rpartition(".")[2])
        if ast.unparse(call.func) == name
    }
    assert found == {("worker/__main__.py", "__import__")}  # of its own modules, by a closed list of names
    assert {file for file, _ in calls("exec_module")} == {"sources/code.py", "worker/__main__.py"}


def test_no_command_goes_through_a_shell() -> None:
    for name in ("run", "Popen", "start", "check_output", "call"):
        for file, call in calls(name):
            assert "shell" not in keywords(call), file


def test_pickles_are_not_read() -> None:
    for file, node in nodes():
        names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.partition(".")[0] for name in names} & _LOADS_PICKLES, file
    for file, call in calls("load"):
        text = ast.unparse(call.func)
        assert text != "torch.load" or keywords(call).get("weights_only") is True, file
        assert text != "np.load" or keywords(call).get("allow_pickle") is False, file
