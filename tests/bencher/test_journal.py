"""An interrupted bench keeps what it measured and goes on from there."""

from __future__ import annotations

from pathlib import Path

import edgekit
from edgekit.bencher import Protocol
from edgekit.bencher.journal import Journal
from edgekit.bencher.schedule import interleaved


def test_interrupted_bench_reports_what_it_has_and_resumes(
    small_net: Path, brief: Protocol, tmp_path: Path
) -> None:
    journal = tmp_path / "kept.jsonl"

    def interrupt(step: str, done: int | None = None, total: int | None = None) -> None:
        if done == 3:
            raise KeyboardInterrupt

    arguments = {"threads": (1, 2), "protocol": brief, "memory": False, "journal": journal}
    partial = edgekit.bench(small_net, progress=interrupt, **arguments)  # type: ignore[arg-type]
    assert partial.interrupted
    assert sum(len(result.latency.rounds) for result in partial.results if result.latency) == 3
    assert any(w.code == "few-rounds" for result in partial.results for w in result.validity.warnings)
    assert len(journal.read_text().splitlines()) == 3

    whole = edgekit.bench(small_net, **arguments)  # type: ignore[arg-type]
    assert not whole.interrupted
    kept = {result.key: result.latency for result in partial.results}
    for result in whole.results:
        assert result.latency is not None
        earlier = kept[result.key]
        assert earlier is not None
        assert [w.message.split()[0] for w in result.validity.warnings if w.code == "resumed"] == [
            str(len(earlier.rounds))
        ]
        assert result.latency.samples_s[: len(earlier.samples_s)] == earlier.samples_s
    assert not journal.exists()


def test_a_torn_line_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    journal = Journal(path)
    journal.put("a", {"samples": [1.0]})
    journal.close()
    with path.open("a") as file:
        file.write('{"key": "b", "rec')
    again = Journal(path)
    assert again.get("a") == {"samples": [1.0]}
    assert again.get("b") is None


def test_what_was_measured_on_another_day_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text('{"key": "a", "at_s": 1.0, "record": {}}\n')
    assert Journal(path).get("a") is None


def test_every_configuration_runs_once_a_round_in_changing_order() -> None:
    turns = interleaved(5, 8, seed=3)
    assert turns == interleaved(5, 8, seed=3)
    orders = set()
    for round_index in range(8):
        own = [turn.configuration for turn in turns if turn.round == round_index]
        assert sorted(own) == list(range(5))
        orders.add(tuple(own))
    assert len(orders) > 1
