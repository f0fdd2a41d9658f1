"""From outcomes to figures: how many changes were named exactly, how many rows were invented."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from trials import Outcome

SCHEMA = "edgekit.changes/1"
_TITLES = {
    "plain": "one change",
    "disguised": "one change, in a file that is also written otherwise throughout",
    "rewrite": "no change, the file written otherwise",
}


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Count what the trials gave; all that were not exact are kept one by one."""
    groups = {
        "plain": [each for each in outcomes if each.wanted and not each.change.endswith(" disguised")],
        "disguised": [each for each in outcomes if each.wanted and each.change.endswith(" disguised")],
        "rewrite": [each for each in outcomes if not each.wanted],
    }
    return {
        "schema": SCHEMA,
        "networks": sorted({each.subject for each in outcomes}),
        "kinds": len({each.change.removesuffix(" disguised") for each in outcomes if each.wanted}),
        "rewrites": len({each.change for each in groups["rewrite"]}),
        "rows": [{"group": name, **_counted(group)} for name, group in groups.items()],
        "not_exact": [asdict(each) for each in outcomes if not each.exact],
    }


def _counted(outcomes: Sequence[Outcome]) -> dict[str, int]:
    return {
        "trials": len(outcomes),
        "named": sum(each.named for each in outcomes),
        "exact": sum(each.exact for each in outcomes),
        "invented": sum(len(each.invented) for each in outcomes),
    }


def table(results: Mapping[str, Any]) -> str:
    """Return the counts in markdown."""
    lines = [
        "| what | trials | layer and key named | and nothing else | rows invented |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for row in results["rows"]:
        named = "" if row["group"] == "rewrite" else _share(row["named"], row["trials"])
        exact = _share(row["exact"], row["trials"])
        lines.append(f"| {_TITLES[row['group']]} | {row['trials']} | {named} | {exact} | {row['invented']} |")
    return "\n".join(lines) + "\n"


def _share(count: int, total: int) -> str:
    return f"{count} ({100 * count / total:.1f} %)" if total else "0"
