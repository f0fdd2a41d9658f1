"""Run the user's code that a model spec names, and turn what it raises into one line with its place."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import random
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from edgekit.errors import UserError, did_you_mean
from edgekit.sources.spec import ModelSpec


def build_from_code(spec: ModelSpec, seed: int) -> torch.nn.Module:
    """Import what the spec names and make a module of it, with every random generator seeded.

    Raises:
        UserError: the code raises, the attribute is missing, or what it gives is no module.
    """
    with seeded(seed):
        module = _import_file(spec.path) if spec.path is not None else _import_module(spec.module or "")
        return _instance(spec, _attribute(module, spec))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch, numpy and random for the block, and put their states back after it."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        random.seed(seed)
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


def _import_file(path: Path) -> ModuleType:
    path = Path(os.path.realpath(path))
    if any("\udc80" <= letter <= "\udcff" for letter in str(path)):  # TorchScript cannot name it as a source
        raise UserError(
            f"'{path}' has a name that this locale cannot read", "rename it, or set LC_ALL=C.UTF-8"
        )
    # TorchScript puts the module's name into files that pnnx reads, and pnnx dies on anything else.
    plain = "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in path.stem)
    name = f"edgekit_user_{plain}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise UserError(f"'{path}' is not a Python file", "give a file that ends in .py")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    with _on_path(str(path.parent)):
        try:
            found.loader.exec_module(module)
        except BaseException as error:
            del sys.modules[name]
            raise _wrapped(error, f"'{path.name}'") from error
    return module


def _import_module(name: str) -> ModuleType:
    with _on_path(str(Path.cwd())):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _wrapped(error, f"module '{name}'") from error
            raise UserError(f"no module '{error.name}' to import", "check the name, or install it") from None
        except BaseException as error:
            raise _wrapped(error, f"module '{name}'") from error


@contextmanager
def _on_path(folder: str) -> Iterator[None]:
    """Let the block import what lies beside the user's file."""
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _attribute(module: ModuleType, spec: ModelSpec) -> Any:
    value: Any = module
    path = (spec.attribute or "").split(".")
    for index, part in enumerate(path):
        try:
            value = getattr(value, part)
        except AttributeError:
            where = spec.text.rpartition(":")[0] + "".join(f".{each}" for each in path[:index])
            public = [name for name in dir(value) if not name.startswith("_")]
            raise UserError(
                f"'{where}' has no attribute '{part}'", did_you_mean(part, public) or "check the name"
            ) from None
    return value


def _instance(spec: ModelSpec, value: Any) -> torch.nn.Module:
    if isinstance(value, torch.nn.Module):
        return value
    if not callable(value):
        raise UserError(
            f"'{spec.text}' is a {type(value).__name__}, not a model",
            "name an nn.Module class, an instance, or a function that returns one",
        )
    needed = _required_arguments(value)
    if needed:
        raise UserError(
            f"'{spec.text}' needs arguments: {', '.join(needed)}",
            "name a function without arguments that makes the model",
        )
    try:
        made = value()
    except BaseException as error:
        raise _wrapped(error, f"'{spec.text}'") from error
    if not isinstance(made, torch.nn.Module):
        raise UserError(
            f"'{spec.text}' returned a {type(made).__name__}, not an nn.Module",
            "name an nn.Module class, an instance, or a function that returns one",
        )
    return made


def _required_arguments(function: Any) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is each.empty and each.kind not in variadic]


def _wrapped(error: BaseException, what: str) -> BaseException:
    """Say in one line what the user's code raised and where; interrupts stay interrupts."""
    if isinstance(error, KeyboardInterrupt) or not isinstance(error, Exception | SystemExit):
        return error
    return user_code_error(error, what)


CHECK_INPUTS = "check the shapes of the inputs, and the model's code"
"""What to try first where a model raises on inputs that somebody described."""


def user_code_error(error: BaseException, what: str, first: str = "mend the model's code") -> UserError:
    """Return a `UserError` for an exception out of the user's code: what, where, and in one line why.

    `first` is what to try first.
    """
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_users(frame.filename)]
    if isinstance(error, SyntaxError) and error.filename:
        place = f" ({error.filename}:{error.lineno})"
    else:
        place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    return UserError(f"{what} raised {text}{place}", f"{first}, or set EDGEKIT_DEBUG=1 to see the traceback")


def _is_users(filename: str) -> bool:
    inside = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]))
    return not filename.startswith((*inside, "<frozen"))
