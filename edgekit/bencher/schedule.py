"""In which order worker processes run: every configuration once a round, shuffled anew in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Turn:
    """One worker process: which configuration, in which round."""

    round: int
    configuration: int


def interleaved(configurations: int, rounds: int, seed: int) -> tuple[Turn, ...]:
    """Return `rounds` random permutations of the configurations, one after the other.

    A machine that is slow for a while then slows all of them, and none always runs after the same other.
    """
    random = np.random.default_rng(seed)
    return tuple(
        Turn(round_index, int(configuration))
        for round_index in range(rounds)
        for configuration in random.permutation(configurations)
    )
