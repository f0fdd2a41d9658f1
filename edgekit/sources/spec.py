"""Model specs: the text that names a model, told apart without running anything.

    mobilenet_v1:width=0.5        a network of the zoo, with arguments
    export/lipsync.toml           a recipe
    net.py:Net                    a class, instance or factory in a file
    package.module:Net            the same in an importable module
    net.pt   net.onnx             a TorchScript or an ONNX file

User code runs only where the spec names code (`file.py:Attr`, `package.module:Attr`).
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from edgekit.errors import UserError, did_you_mean


class SpecKind(StrEnum):
    """What a model spec names; the values are those of `ModelSource.kind`."""

    ZOO = "zoo"
    RECIPE = "recipe"
    FILE = "file"
    MODULE = "module"
    TORCHSCRIPT = "torchscript"
    ONNX = "onnx"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model spec. `path` is set for files, `attribute` for what is named in code."""

    text: str
    kind: SpecKind
    path: Path | None = None
    module: str | None = None
    attribute: str | None = None


_FILE_KINDS = {
    ".toml": SpecKind.RECIPE,
    ".pt": SpecKind.TORCHSCRIPT,
    ".pth": SpecKind.TORCHSCRIPT,
    ".ts": SpecKind.TORCHSCRIPT,
    ".onnx": SpecKind.ONNX,
}
_FORMS = "give a zoo name, a recipe.toml, file.py:Attr, package.module:Attr, a .pt or an .onnx"
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$")


def parse_spec(text: str, folder: Path | None = None) -> ModelSpec:
    """Return what `text` names; relative files are looked for in `folder` (default: the current one).

    Raises:
        UserError: it names nothing, with the nearest match.
    """
    from edgekit.models import registry

    base = folder or Path()
    text = text.strip()
    if registry.is_zoo_name(text):
        return ModelSpec(text, SpecKind.ZOO)
    kind = _FILE_KINDS.get(Path(text).suffix.lower())
    if kind is not None:
        return ModelSpec(text, kind, path=_existing(base / text))
    left, colon, attribute = text.rpartition(":")
    if colon and left.endswith(".py"):
        path = _existing(base / left)
        _check_attribute(path, attribute)
        return ModelSpec(text, SpecKind.FILE, path=path, attribute=attribute)
    if text.endswith(".py"):
        path = _existing(base / text)
        names = ", ".join(sorted(_definitions(path))[:5]) or "nothing"
        raise UserError(f"'{text}' names a file and no model in it", f"write {text}:ATTR; it defines {names}")
    if colon and _DOTTED.match(left) and _DOTTED.match(attribute) and "=" not in attribute:
        zoo = did_you_mean(left, registry.names())
        if "." in left or zoo is None or _importable(left):
            return ModelSpec(text, SpecKind.MODULE, module=left, attribute=attribute)
    raise UserError(
        f"'{text}' names no model",
        did_you_mean(text.partition(":")[0], registry.names()) or _FORMS,
    )


def _importable(module: str) -> bool:
    import importlib.util

    return importlib.util.find_spec(module.partition(".")[0]) is not None


def _existing(path: Path) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        raise UserError(f"'{path}' is a folder", "name a file in it")
    siblings = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    raise UserError(f"no file '{path}'", did_you_mean(path.name, siblings) or "check the path")


def _check_attribute(path: Path, attribute: str) -> None:
    """Refuse, before the file runs, a name that is nowhere in its text."""
    if not attribute:
        raise UserError(f"'{path}:' names no attribute", f"write {path}:ATTR")
    root = attribute.partition(".")[0]
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read '{path}': {error}", "give a Python file") from None
    if not re.search(rf"\b{re.escape(root)}\b", text) and "import *" not in text:
        names = _definitions(path)
        remedy = did_you_mean(root, names) or f"it defines {', '.join(sorted(names)[:5]) or 'nothing'}"
        raise UserError(f"'{path}' has no attribute '{root}'", remedy)


def _definitions(path: Path) -> set[str]:
    """Names that a Python file defines at its top level, without running it."""
    try:
        tree = ast.parse(path.read_text("utf-8"))
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"'{path}' is not valid Python: {error}", "mend the file") from None
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names
