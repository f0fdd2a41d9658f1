"""edgekit: take a PyTorch model to ncnn, prove that what arrives is the same model, and time it there.

    bundle = edgekit.export("mobilenet_v2", "build/mobilenet_v2")
    report = edgekit.verify("build/mobilenet_v2")
    timing = edgekit.bench("build/mobilenet_v2", threads=(1, 2))

All names are looked up on first use, so that `import edgekit` needs numpy alone.
"""

from __future__ import annotations

TYPE_CHECKING = False  # True for type checkers; here `typing` would be imported before a signal is heeded
if TYPE_CHECKING:
    from edgekit.bencher.bench import bench
    from edgekit.differ.diff import diff
    from edgekit.errors import EdgekitError, UserError
    from edgekit.exporter import export
    from edgekit.inspector.inspect import inspect
    from edgekit.repairer.repair import repair
    from edgekit.restorer.restore import weights
    from edgekit.verifier.verify import verify

__version__ = "0.1.0"
__all__ = [
    "EdgekitError", "UserError", "__version__", "bench", "diff", "export", "inspect", "repair", "verify",
    "weights",
]  # fmt: skip

_HOME_OF = {
    "EdgekitError": "edgekit.errors",
    "UserError": "edgekit.errors",
    "bench": "edgekit.bencher",
    "diff": "edgekit.differ",
    "export": "edgekit.exporter",
    "inspect": "edgekit.inspector",
    "repair": "edgekit.repairer",
    "verify": "edgekit.verifier",
    "weights": "edgekit.restorer",
}


def __getattr__(name: str) -> object:
    """Import the package behind a public name on first use.

    Raises:
        MissingPackage: that package needs an extra of edgekit that is not installed.
    """
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'edgekit' has no attribute '{name}'")
    import importlib

    from edgekit.errors import missing_package

    try:
        value: object = getattr(importlib.import_module(home), name)
    except ModuleNotFoundError as error:
        raise missing_package(error) or error from None
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Name what is imported on first use too."""
    return sorted({*globals(), *_HOME_OF})
