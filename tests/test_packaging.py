"""pyproject.toml, constraints.txt and the tables in the code agree."""

import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from edgekit.errors import missing_package
from edgekit.toolchain.environment import PACKAGES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OF_CUDA = ("cuda-", "nvidia-", "triton")


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = (line.partition("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {normalised(name): version for name, version in pairs}


def names(requirements: list[str]) -> Iterator[str]:
    for requirement in requirements:
        match = re.match(r"[A-Za-z0-9._-]+", requirement)
        assert match is not None
        yield normalised(match[0])


def test_doctor_knows_the_packages_of_every_extra() -> None:
    extras = {name: set(names(PROJECT["optional-dependencies"][name])) for name in PACKAGES if name}
    assert {extra: set(packages) for extra, packages in PACKAGES.items() if extra} == extras
    assert set(names(PROJECT["dependencies"])) == set(PACKAGES[""])


def test_a_missing_module_names_the_extra_that_brings_it() -> None:
    modules = {"pillow": "PIL"}
    for extra, packages in PACKAGES.items():
        for package in packages if extra else ():
            error = missing_package(ModuleNotFoundError(name=modules.get(package, package) + ".inner"))
            assert error is not None, package
            assert error.extra == extra
    assert missing_package(ModuleNotFoundError(name="numpy")) is None


def test_every_extra_is_in_all_but_dev() -> None:
    (everything,) = PROJECT["optional-dependencies"]["all"]
    inside = set(everything.removeprefix("edgekit[").removesuffix("]").split(","))
    assert inside == set(PROJECT["optional-dependencies"]) - {"all", "dev"}


def test_every_dependency_is_pinned_with_all_that_it_brings() -> None:
    pinned = pins()
    todo = [*names(PROJECT["dependencies"]), "pip", "setuptools"]
    for extra, requirements in PROJECT["optional-dependencies"].items():
        todo += [] if extra == "all" else names(requirements)
    seen: set[str] = set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        assert name in pinned, f"{name} has no line in constraints.txt"
        installed = importlib.metadata.version(name).partition("+")[0]
        assert pinned[name] == installed, f"{name} {installed} is installed"
        todo += required(name)
    superfluous = {name for name in set(pinned) - seen if not name.startswith(OF_CUDA)}
    assert not superfluous, "constraints.txt pins what nothing needs"


def required(package: str) -> Iterator[str]:
    """The installed packages that `package` asks for on this machine, extras aside."""
    for requirement in importlib.metadata.requires(package) or []:
        name = next(names([requirement]))
        if "extra ==" in requirement:
            continue
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # the requirement's marker leaves it out here
        yield name


def test_no_file_names_a_package_index() -> None:
    for path in (ROOT / "Makefile", ROOT / "constraints.txt", *(ROOT / ".ci").iterdir()):
        assert not re.search(r"https?://|index-url|find-links", path.read_text()), path.name
