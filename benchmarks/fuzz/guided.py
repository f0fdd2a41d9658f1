"""Coverage-guided fuzzing of every reader, with atheris: the mutations that reach new code are kept.

    pip install atheris                                   not among the project's packages
    python benchmarks/fuzz/guided.py                      every target for a minute
    python benchmarks/fuzz/guided.py --target param --seconds 3600

A target reads bytes as a file of its kind and uses what it has read. Half of the mutations are atheris's own,
half are the damage that the campaign does to files of this kind. `UserError` is the only exception that a
reader may raise. Anything else ends the run, as does an input that takes 10 s or 2 GiB; the input is kept as
`crash-...` in the corpus folder. Each target works in a process of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from damage import CONTENTS
from material import make

_READERS = (
    "alignment.store", "bencher.load", "bencher.suite", "bundle", "formats.ncnn", "formats.npz",
    "formats.pnnx", "ops", "schema", "sources.recipe",
)  # fmt: skip

Read = Callable[[Path, bytes], object]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--target", choices=sorted(TARGETS), help="one of them (default: each in turn)")
    parser.add_argument("--seconds", type=int, default=60, help="how long for each (default: 60)")
    parser.add_argument("--material", type=Path, help="where the sound files are, or are to be made")
    parser.add_argument("--corpus", type=Path, default=Path("build/corpus"), help="what reached new code")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.here:
        return _fuzz(args.target, args.seconds, args.corpus / args.target)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        material = make((args.material or Path(folder)).resolve())
        statuses = [
            _apart(target, args.seconds, args.corpus.resolve(), material)
            for target in ([args.target] if args.target else sorted(TARGETS))
        ]
    return max(statuses)


def _apart(target: str, seconds: int, corpus: Path, material: Path) -> int:
    """Fuzz in a process of its own, beginning with the sound files; say how it went in one line."""
    (corpus / target).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(TARGETS[target][2]):
        shutil.copyfile(material / name, corpus / target / f"sound-{number}")
    options = ["--here", "--target", target, "--seconds", str(seconds), "--corpus", str(corpus)]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:  # libFuzzer ends without cleaning up
        done = subprocess.run(
            [sys.executable, __file__, *options],
            env={**os.environ, "TMPDIR": temporary},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    lines = done.stderr.splitlines()
    runs = next((line.split()[1] for line in reversed(lines) if line.startswith("Done ")), "fewer")
    covered = next((line.split("cov: ")[1].split()[0] for line in reversed(lines) if "cov: " in line), "0")
    print(
        f"{target:10} {runs} inputs, {covered} places reached, "
        + ("BAD" if done.returncode else "no bad answer")
    )
    if done.returncode:
        print("\n".join(lines[-40:]))
    return int(done.returncode != 0)


def _fuzz(target: str, seconds: int, corpus: Path) -> int:
    import atheris

    with atheris.instrument_imports(include=["edgekit"]):
        for name in _READERS:
            importlib.import_module(f"edgekit.{name}")
    from edgekit.errors import UserError

    kind, read, _ = TARGETS[target]
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))

    def once(data: bytes) -> None:
        try:
            read(folder, data)
        except UserError as error:
            if not (error.message and error.remedy):
                raise AssertionError(f"no good answer: {error.message!r}, {error.remedy!r}") from error

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.5:
            with contextlib.suppress(Exception):  # no JSON any more, no archive, or empty
                path = folder / "mutant"
                path.write_bytes(data)
                random.choice(CONTENTS[kind])(path, random)
                return path.read_bytes()[:most]
        return bytes(atheris.Mutate(data, most))

    longest = 2 * max(path.stat().st_size for path in corpus.iterdir())
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", f"-max_len={longest}"]
    words = [sys.argv[0], *limits, f"-artifact_prefix={corpus}/", str(corpus)]
    atheris.Setup(words, once, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


# --- targets -----------------------------------------------------------------------------------------------


def _param(folder: Path, data: bytes) -> None:
    """A .param, and behind a zero byte its .bin; what can be read is sized and written again."""
    from edgekit.formats import ncnn
    from edgekit.ops import check_graph, infer_graph

    text, _, weights = data.partition(b"\0")
    graph = ncnn.loads(text, weights if weights else None)
    infer_graph(graph, dict.fromkeys(graph.input_blobs, (3, 8, 8)))
    check_graph(graph)
    ncnn.loads(ncnn.dump_param(graph))


def _pnnx(folder: Path, data: bytes) -> None:
    from edgekit.formats import pnnx

    text, _, weights = data.partition(b"\0")
    pnnx.dump_param(pnnx.loads(text, weights if weights else None))


def _manifest(folder: Path, data: bytes) -> None:
    from edgekit.bundle import open_bundle

    (folder / "model.ncnn.param").touch()
    (folder / "model.ncnn.bin").touch()
    (folder / "manifest.json").write_bytes(data)
    open_bundle(folder)


def _alignment(folder: Path, data: bytes) -> None:
    from edgekit.alignment import store

    (folder / "alignment.json").write_bytes(data)
    store.read_alignment(folder)


def _npz(folder: Path, data: bytes) -> None:
    from edgekit.formats.npz import open_npz

    (folder / "inputs.npz").write_bytes(data)
    with open_npz(folder / "inputs.npz", "write it again") as archive:
        for name in archive.names:
            archive.read(name)


def _bench(folder: Path, data: bytes) -> None:
    from edgekit.bencher.load import load_report

    (folder / "bench.json").write_bytes(data)
    load_report(folder / "bench.json")


def _suite(folder: Path, data: bytes) -> None:
    from edgekit.bencher.suite import load_suite

    (folder / "suite.toml").write_bytes(data)
    load_suite(folder / "suite.toml", folder)


def _recipe(folder: Path, data: bytes) -> None:
    from edgekit.sources.recipe import read_recipe

    (folder / "net.toml").write_bytes(data)
    read_recipe(folder / "net.toml")


TARGETS: dict[str, tuple[str, Read, tuple[str, ...]]] = {
    "param": ("param", _param, ("bare.param",)),
    "pnnx": ("text", _pnnx, ("net.pnnx.param",)),
    "manifest": ("json", _manifest, ("bundle/manifest.json",)),
    "alignment": ("json", _alignment, ("bundle/alignment.json",)),
    "npz": ("npz", _npz, ("inputs.npz",)),
    "bench": ("json", _bench, ("bench.json",)),
    "suite": ("text", _suite, ("suite.toml",)),
    "recipe": ("text", _recipe, ("net.toml",)),
}
"""The kind of a target's content, how it is read, and the sound files to begin with."""


if __name__ == "__main__":
    sys.exit(main())
