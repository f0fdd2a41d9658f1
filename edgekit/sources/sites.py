"""Where the modules of a network are made: the line of the constructor's call, seen as the model is built."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from edgekit.runtimes.source_path import shown_path

_TORCH_FOLDER = str(Path(torch.__file__).parent)
_TOOLCHAIN_FOLDER = str(Path(__file__).parents[1] / "toolchain")
_CONTAINERS = (torch.nn.Sequential, torch.nn.ModuleList, torch.nn.ModuleDict)


@dataclass(frozen=True, slots=True)
class Site:
    """The line that makes a module. `is_layer` tells layers of PyTorch itself from modules of the user's."""

    file: str
    line: int
    is_layer: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Recorder:
    """Remembers where each module was made, and keeps it alive so that its `id()` stays its own."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[torch.nn.Module, Site | None]] = {}

    def add(self, module: torch.nn.Module, frame: FrameType | None) -> None:
        """Note a module whose constructor runs in or above `frame`, if it is one of the user's."""
        if id(module) in self._made:
            return
        maker = _maker(module, frame)
        if maker is not None and maker.f_code.co_filename.startswith(_TOOLCHAIN_FOLDER):
            return  # the export traces a module, or takes one apart
        self._made[id(module)] = (module, None if maker is None else _site(maker))

    def sites(self) -> Mapping[str, Site]:
        """Return the line to change for each module of the largest network that was built, by path.

        The line that makes a layer may make many (in a block that is used everywhere, or in a loop), and
        the one that makes the block around it fewer. The line that makes the fewest layers is returned.
        """
        root = self._root()
        if root is None:
            return {}
        paths = dict(root.named_modules(remove_duplicate=False))
        own = {path: self._made[id(module)][1] for path, module in paths.items() if id(module) in self._made}
        uses = Counter(str(site) for site in own.values() if site is not None)
        found = {}
        for path, module in paths.items():
            site = self._telling(path, paths, own, uses)
            if site is not None:
                is_layer = type(module).__module__.startswith("torch.nn")
                found[path] = Site(site.file, site.line, is_layer)
        return found

    def _root(self) -> torch.nn.Module | None:
        children = {id(child) for module, _ in self._made.values() for child in module.children()}
        roots = [module for module, _ in self._made.values() if id(module) not in children]
        return max(roots, key=lambda module: sum(1 for _ in module.modules()), default=None)

    @staticmethod
    def _telling(
        path: str,
        paths: Mapping[str, torch.nn.Module],
        own: Mapping[str, Site | None],
        uses: Mapping[str, int],
    ) -> Site | None:
        best: tuple[int, Site] | None = None
        place = path
        while place:
            site = own.get(place)
            if site is not None and (place == path or not isinstance(paths[place], _CONTAINERS)):
                layers = sum(1 for each in paths[place].modules() if next(each.children(), None) is None)
                makes = uses[str(site)] * layers
                if best is None or makes < best[0]:
                    best = makes, site
            place = place.rpartition(".")[0]
        return None if best is None else best[1]


def _maker(module: torch.nn.Module, frame: FrameType | None) -> FrameType | None:
    """Return the first frame outside of PyTorch and of the module's own constructors."""
    while frame is not None:
        code = frame.f_code
        own = code.co_name == "__init__" and frame.f_locals.get(code.co_varnames[0]) is module
        if not own and not code.co_filename.startswith(_TORCH_FOLDER):
            return frame
        frame = frame.f_back
    return None


def _site(maker: FrameType) -> Site:
    return Site(shown_path(maker.f_code.co_filename), maker.f_lineno, is_layer=False)


@contextmanager
def recorded_sites() -> Iterator[Recorder]:
    """Record every module that is made within the block."""
    recorder = Recorder()
    before = torch.nn.Module.__init__

    def remember(self: torch.nn.Module, *args: Any, **kwargs: Any) -> None:
        recorder.add(self, sys._getframe(1))
        before(self, *args, **kwargs)

    torch.nn.Module.__init__ = remember  # type: ignore[method-assign]
    try:
        yield recorder
    finally:
        torch.nn.Module.__init__ = before  # type: ignore[method-assign]
