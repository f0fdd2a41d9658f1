"""Who is faster, or nobody: a difference counts when noise cannot explain it."""

from __future__ import annotations

from collections.abc import Sequence

from edgekit.bencher.result import Comparison, Latency, Ratio, Result
from edgekit.numerics import statistics as st

NO_DIFFERENCE = "no difference"


def compare(baseline: Result, candidate: Result, noise: float, seed: int) -> Comparison | None:
    """Compare two results that were measured in turns; None when one of them has no latency.

    The candidate is faster (slower) when the 95 % interval of median(baseline) / median(candidate) lies
    above (below) 1 and the ratio is further from 1 than `noise`, the scatter of an A/A run.
    """
    if baseline.latency is None or candidate.latency is None:
        return None
    ratio = ratio_of(baseline.latency, candidate.latency, seed)
    return Comparison(baseline.key, candidate.key, ratio, noise, verdict_of(ratio, noise))


def suite_ratios(results: Sequence[Result], seed: int) -> tuple[Ratio, ...]:
    """Compare each row of a suite that has a baseline with it."""
    known = {result.key: result for result in results}
    ratios = []
    for result in results:
        baseline = known.get((str(result.facts.get("baseline")), result.threads, result.precision))
        if baseline is None or baseline.latency is None or result.latency is None:
            continue
        ratios.append(
            Ratio(
                target=result.target,
                baseline=baseline.target,
                threads=result.threads,
                precision=result.precision,
                work=result.facts["macs"] / baseline.facts["macs"],
                time=ratio_of(result.latency, baseline.latency, seed),
            )
        )
    return tuple(ratios)


def ratio_of(baseline: Latency, candidate: Latency, seed: int) -> st.Interval:
    """Return median(baseline) / median(candidate) with its 95 % interval."""
    return st.ratio_interval(baseline.by_round(), candidate.by_round(), seed=seed)


def verdict_of(ratio: st.Interval, noise: float) -> str:
    """Return `faster`, `slower` or `no difference` for the candidate."""
    stray = max(ratio.estimate, 1 / ratio.estimate) - 1
    if stray <= noise or not ratio.excludes(1.0):
        return NO_DIFFERENCE
    return "faster" if ratio.estimate > 1 else "slower"
