"""The random number streams of a trial: fixed values, no two alike."""

from __future__ import annotations

from convcompare.core.seeding import TrialSeeds


def test_streams_are_unchanged() -> None:
    """Recorded runs are reproduced from these numbers."""
    seeds = TrialSeeds(7)
    assert seeds.initialisation == 8652758166637566183
    assert seeds.order(3) == 929583480629082613
    assert seeds.augmentation(3) == 1092411025319983902
    assert seeds.flip == 524933566223419833
    assert seeds.dropout(3) == seeds.dropout(3, 0) == 5511439445068042915
    assert seeds.dropout(3, 2) == 5155383432575134614
    assert seeds.validation == 1747309000393009250


def streams(seed: int) -> list[int]:
    seeds = TrialSeeds(seed)
    drawn = [seeds.initialisation, seeds.initialise_from, seeds.validation, seeds.flip]
    for epoch in range(20):
        drawn += [seeds.order(epoch), seeds.augmentation(epoch)]
        drawn += [seeds.dropout(epoch, rank) for rank in range(4)]
    return drawn


def test_streams_are_distinct() -> None:
    drawn = [stream for seed in range(20) for stream in streams(seed)]
    assert len(set(drawn)) == len(drawn)
