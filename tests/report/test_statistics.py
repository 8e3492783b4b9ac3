"""Ranks, tests and intervals, against other implementations and known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autode.report.statistics import FEWEST_BLOCKS, compare_strategies, groups, holm, saving


def table(seed: int = 0, blocks: int = 20, shifts: tuple[float, ...] = (0.0, 0.2, 1.0, 2.0)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(blocks, len(shifts))) + shifts, columns=list("abcd")[: len(shifts)])


def test_it_agrees_with_other_implementations() -> None:
    import scikit_posthocs
    from scipy import stats

    data = table()
    found = compare_strategies(data)
    theirs = scikit_posthocs.posthoc_wilcoxon(data.melt(), "value", "variable", p_adjust="holm")
    for pair in found.pairs.itertuples():
        assert pair.p_holm == pytest.approx(theirs.loc[pair.a, pair.b])
    assert found.p == pytest.approx(stats.friedmanchisquare(*data.to_numpy().T).pvalue)
    assert found.ranks.to_dict() == pytest.approx(data.rank(axis=1).mean().to_dict())
    assert found.ranks.is_monotonic_increasing


def test_what_differs_is_not_in_one_group() -> None:
    found = compare_strategies(table())
    assert found.groups == [("a", "b")]
    assert compare_strategies(table(shifts=(0.0, 0.0, 0.0))).groups == [
        tuple(compare_strategies(table(shifts=(0.0, 0.0, 0.0))).ranks.index)
    ]


@pytest.mark.parametrize(
    ("differ", "expected"),
    [
        ((), [("a", "b", "c", "d")]),
        (("ad",), [("a", "b", "c"), ("b", "c", "d")]),
        (("ac", "ad", "bd"), [("a", "b"), ("b", "c"), ("c", "d")]),
        (("ab", "ac", "ad", "bc", "bd", "cd"), []),
        (("ad", "bd", "cd"), [("a", "b", "c")]),
    ],
)
def test_groups_are_maximal_runs_of_neighbours(differ: tuple[str, ...], expected: list[tuple[str, ...]]) -> None:
    pairs = [(a, b) for i, a in enumerate("abcd") for b in "abcd"[i + 1 :]]
    frame = pd.DataFrame([{"a": a, "b": b, "p_holm": 0.01 if a + b in differ else 0.5} for a, b in pairs])
    assert groups("abcd", frame, 0.05) == expected


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_the_raw_and_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= np.array(p) - 1e-15).all()
    assert (adjusted <= np.minimum(np.array(p) * len(p), 1.0) + 1e-15).all()


def test_equal_strategies_do_not_differ() -> None:
    found = compare_strategies(pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.0, 2.0]}))
    assert found.pairs["p"].tolist() == [1.0, 1.0, 1.0]
    assert np.isnan(found.p)
    assert found.groups == [("a", "b", "c")]


def test_blocks_with_a_gap_are_left_out() -> None:
    data = table(blocks=10)
    data.loc[3, "b"] = np.nan
    assert compare_strategies(data).blocks == 9


def test_so_few_blocks_that_no_pair_can_differ() -> None:
    best = compare_strategies(
        pd.DataFrame({"a": np.arange(FEWEST_BLOCKS - 1.0), "b": np.arange(FEWEST_BLOCKS - 1.0) + 9})
    )
    assert best.pairs["p"].min() > 0.05
    best = compare_strategies(pd.DataFrame({"a": np.arange(FEWEST_BLOCKS), "b": np.arange(FEWEST_BLOCKS) * 1.1 + 9}))
    assert best.pairs["p"].min() < 0.05


@pytest.mark.parametrize("data", [pd.DataFrame({"a": [1.0]}), pd.DataFrame({"a": [1.0, np.nan], "b": [np.nan, 1.0]})])
def test_nothing_to_compare_is_said(data: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="expected two strategies or more that all ran in one block or more"):
        compare_strategies(data)


class TestSaving:
    @pytest.mark.parametrize("blocks", [6, 10, 25])
    def test_the_interval_holds_the_truth(self, blocks: int) -> None:
        """30 % saved on average: of 400 experiments, 95 % must find it, give or take three standard deviations."""
        rng = np.random.default_rng(7)
        hits = 0
        for _ in range(400):
            base = rng.uniform(800, 1200, blocks)
            spent = base * (0.7 + 0.1 * rng.standard_normal(blocks))
            saved, low, high = saving(spent, base, rng, resamples=500)
            hits += low <= 0.3 <= high
            assert low <= saved <= high
        assert 367 <= hits <= 393

    def test_a_seed_gives_the_same_interval(self) -> None:
        joules, baseline = [1.0, 2.0, 4.0, 3.0, 2.0], [2.0, 3.0, 4.0, 3.0, 4.0]
        one, two = (saving(joules, baseline, np.random.default_rng(1)) for _ in range(2))
        assert one == two
        assert one[0] == pytest.approx(1 - 12 / 16)

    def test_what_is_the_same_everywhere_is_certain(self) -> None:
        assert saving(np.full(8, 0.5), np.ones(8), np.random.default_rng(1)) == (0.5, 0.5, 0.5)

    def test_few_blocks_have_no_interval(self) -> None:
        saved, low, high = saving([1.0] * 4, [4.0] * 4, np.random.default_rng(1))
        assert saved == 0.75
        assert np.isnan([low, high]).all()

    @pytest.mark.parametrize(("spent", "baseline"), [([], []), ([1.0], [0.0]), ([1.0, 2.0], [1.0])])
    def test_savings_of_nothing_are_refused(self, spent: list[float], baseline: list[float]) -> None:
        with pytest.raises(ValueError, match="a saving needs joules of both"):
            saving(spent, baseline, np.random.default_rng(1))
