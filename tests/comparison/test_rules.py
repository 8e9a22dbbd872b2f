"""The vectorised rules that the benchmarks simulate agree with those of verdicts."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats as scipy_stats

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import false_verdicts
import looks_simulated
import rules

from convcompare.comparison.contrasts import contrasts
from convcompare.comparison.pair_tests import PairTests
from convcompare.comparison.pairs import pairs
from convcompare.comparison.stats import paired
from convcompare.comparison.stats.sequential import Look, hopeless
from tests.support.runs import comparison, no_hits, series


@pytest.mark.parametrize(("networks", "seeds"), [(2, 3), (3, 2), (3, 3), (4, 3), (4, 5), (5, 4)])
@pytest.mark.parametrize("look", [None, Look((3, 5, 8, 13, 20), 1)])
def test_vectorised_rules_agree_with_the_library(
    networks: int, seeds: int, look: Look | None
) -> None:
    rng = np.random.default_rng([networks, seeds])
    tables = 0.8 + 0.01 * rng.normal(size=(8, networks, seeds))
    tables[:, 1] += 0.03 * rng.normal(size=(8, seeds))
    tables[:, -1] += 0.06
    for all_pairs in (False, True):
        family = [(i, 0) for i in range(1, networks)]
        if all_pairs:
            family += [(b, a) for a in range(1, networks) for b in range(a + 1, networks)]
        p = rules.moderated(tables, family)
        level = look.level if look else (lambda left: 0.05 / left)
        claimed = rules.claims(p, networks, seeds, level)
        for table, its_p, its_claims in zip(tables, p, claimed, strict=True):
            runs = [run for i, row in enumerate(table) for run in series(str(i), tuple(row))]
            every = pairs(comparison(*runs), "0", all_pairs)
            found = {
                (int(v.model), int(v.baseline)): v
                for v in contrasts(every, PairTests(no_hits), look)
            }
            assert [found[one].p for one in family] == pytest.approx(list(its_p))
            assert [found[one].differs for one in family] == list(its_claims)


def test_alternative_rules_agree_with_scipy() -> None:
    table = np.random.default_rng(3).normal(size=(1, 3, 5))
    table += np.array([[[0.0], [1.2], [2.4]]])
    for i, p in enumerate(rules.welch(table, rules.star(2))[0], start=1):
        other = scipy_stats.ttest_ind(table[0, i], table[0, 0], equal_var=False)
        assert p == pytest.approx(other.pvalue)
    dunnett = scipy_stats.dunnett(table[0, 1], table[0, 2], control=table[0, 0], rng=1)
    assert list(rules.dunnett(table, rules.star(2))[0]) == pytest.approx(
        list(dunnett.pvalue), abs=0.005
    )
    differences = rules.differences(table, rules.star(2))[0]
    flips = rules.with_flips(table, rules.star(2))[0]
    assert list(flips) == pytest.approx([paired.t_test(list(one)).p for one in differences])


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(
    "scenario",
    ["equal spreads, normal", "one network 3 times noisier", "residuals of recorded runs"],
)
def test_false_verdicts_are_at_most_five_per_cent(scenario: str, seeds: int) -> None:
    """2,000 rounds, within their sampling error; without the levels the rate is far above."""
    for family in (rules.star(1), rules.star(3), rules.every(3)):
        draw = false_verdicts.SCENARIOS[scenario]
        assert false_verdicts.false_share(draw, family, seeds, 2000) <= 0.05 + 3 * 0.0049
    tables = np.random.default_rng(1).normal(size=(2000, 4, seeds))
    naive = (rules.moderated(tables, rules.star(3)) <= 0.05).any(1).mean()
    assert naive > 0.06


def test_contrasts_are_stopped_as_in_the_simulation() -> None:
    draws = np.random.default_rng(2).normal(0.2, 1, (60, 8))
    level = Look(looks_simulated.SCHEDULE, 4).level()
    mean, spread = draws.mean(1), draws.std(1, ddof=1)
    expected = looks_simulated._hopeless(mean, spread, 8, 0.3, level)
    found = [hopeless(paired.t_test(list(one)), 20, level, level, 0.3) for one in draws]
    assert found == list(expected)
    assert 5 < sum(found) < 55


def test_equal_networks_are_stopped_early_and_true_differences_still_found() -> None:
    draws = np.random.default_rng(4).normal(size=(2000, 20))
    before, _, today = looks_simulated.PLANS
    equal = looks_simulated.one_contrast(draws, today, 0.01)
    assert equal.seeds < 12 < looks_simulated.one_contrast(draws, before, 0.01).seeds
    assert equal.different < 0.055
    assert looks_simulated.one_contrast(draws + 1, today, 0.01).different > 0.93


def test_tables_of_a_quick_run_can_be_printed() -> None:
    lines = list(false_verdicts.false_table([rules.star(1), rules.star(2)], (3,), 200))
    assert len(lines) == 2 + len(false_verdicts.SCENARIOS)
    assert all(line.count("|") == 3 for line in lines)
