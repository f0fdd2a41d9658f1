"""Errors that a user can meet, and the exit code that each one means.

A command ends with 0 (holds), 1 (the check failed: a result, never an exception),
2 (`UserError`: the user can mend it) or 3 (anything else: a bug of ours).
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType

EXIT_OK = 0
EXIT_CHECK_FAILED = 1
EXIT_USER_ERROR = 2
EXIT_BUG = 3


class EdgekitError(Exception):
    """Base of every error that edgekit raises on purpose."""

    exit_code = EXIT_BUG


class UserError(EdgekitError):
    """Something that the user can mend: what is wrong, in one line, and the remedy.

    `message` says what is wrong and `remedy` what to do about it; both are single lines
    without a final full stop, so that a front end can join them.
    """

    exit_code = EXIT_USER_ERROR

    def __init__(self, message: str, remedy: str) -> None:
        self.message = message
        self.remedy = remedy
        super().__init__(f"{message}; {remedy}")


class FormatError(UserError):
    """A file is damaged or is not of the format that its name promises."""


class MissingPackage(UserError):
    """An optional package is not installed; the remedy is the install line."""

    def __init__(self, package: str, extra: str) -> None:
        self.package = package
        self.extra = extra
        super().__init__(
            f"package '{package}' is not installed",
            f"install it with: pip install 'edgekit[{extra}]'",
        )


_EXTRA_OF_MODULE = {
    "torch": "torch",
    "safetensors": "torch",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxsim": "onnx",
    "ncnn": "ncnn",
    "pnnx": "ncnn",
    "matplotlib": "report",
    "PIL": "report",
}


def missing_package(error: ModuleNotFoundError) -> MissingPackage | None:
    """Return the error that names the extra to install, or None when no extra brings the module."""
    module = (error.name or "").partition(".")[0]
    extra = _EXTRA_OF_MODULE.get(module)
    return None if extra is None else MissingPackage(module, extra)


def require(module: str, extra: str) -> ModuleType:
    """Import an optional module, or raise `MissingPackage` naming the extra that brings it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] == package:
            raise MissingPackage(package, extra) from None
        raise


def did_you_mean(name: str, candidates: Iterable[str]) -> str | None:
    """Return a remedy that names the nearest candidates, or None when nothing is near."""
    import difflib

    near = difflib.get_close_matches(name, list(candidates), n=3, cutoff=0.5)
    if not near:
        return None
    return "did you mean " + " or ".join(f"'{candidate}'" for candidate in near) + "?"
