"""What is computed from votes, against other formulas, other libraries and published examples."""

import itertools

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.linear_model import LogisticRegression

from vidgauge.reports.vote.agreement import alpha_interval, krippendorff_alpha
from vidgauge.reports.vote.bradley_terry import bradley_terry
from vidgauge.reports.vote.clustered import clustered_variance
from vidgauge.reports.vote.counting import Vote
from vidgauge.reports.vote.majorities import majorities, votes_by_prompt
from vidgauge.reports.vote.shares import share, wilson


def crossed(prompts: int, raters: int) -> tuple[np.ndarray, np.ndarray]:
    """Every rater on every prompt."""
    return np.repeat(np.arange(prompts), raters), np.tile(np.arange(raters), prompts)


def table(text: str) -> np.ndarray:
    """Counts of units and values out of one line a rater, a column a unit, and a dot where a rater is silent."""
    rows = [line.split() for line in text.strip().splitlines()]
    values = sorted({cell for row in rows for cell in row} - {"."})
    return np.array([[column.count(value) for value in values] for column in map(list, zip(*rows, strict=True))])


def test_wilsons_interval_is_scipys() -> None:
    for won, n in ((0, 5), (1, 5), (7, 20), (20, 20), (84, 100)):
        expected = stats.binomtest(won, n).proportion_ci(0.95, method="wilson")
        assert wilson(won / n, n, float(stats.norm.ppf(0.975))) == pytest.approx((expected.low, expected.high))


def test_the_variance_counts_each_two_votes_that_share_a_prompt_or_a_rater() -> None:
    """By the double sum of the definition, with the three terms' corrections for few clusters."""
    generator = np.random.default_rng(0)
    prompts, raters = generator.integers(0, 7, 60), generator.integers(0, 4, 60)
    taste = generator.normal(size=4)[raters] + generator.normal(size=7)[prompts]
    influences = (taste - taste.mean()) / 60
    sums = {"prompt": 0.0, "rater": 0.0, "both": 0.0}
    for i, j in itertools.product(range(60), repeat=2):
        product = influences[i] * influences[j]
        sums["prompt"] += product * (prompts[i] == prompts[j])
        sums["rater"] += product * (raters[i] == raters[j])
        sums["both"] += product * (prompts[i] == prompts[j] and raters[i] == raters[j])
    cells = len({*zip(prompts, raters, strict=True)})
    corrected = sums["prompt"] * 7 / 6 + sums["rater"] * 4 / 3 - sums["both"] * cells / (cells - 1)
    found = clustered_variance(influences, prompts, raters)
    assert found.value == pytest.approx(corrected)
    assert 3 < found.degrees < 59


def test_votes_without_anything_in_common_give_wilsons_interval() -> None:
    won = np.random.default_rng(1).random(400) < 0.6
    found = share(won, np.arange(400), np.arange(400))
    assert (found.low, found.high) == pytest.approx(found.independent, abs=0.002)


def test_a_rater_who_always_says_the_same_is_worth_one_vote() -> None:
    prompts, raters = crossed(50, 10)
    found = share(raters < 6, prompts, raters)
    assert found.value == 0.6
    assert found.effective == pytest.approx(9)
    assert found.low < 0.3 < 0.55 < found.independent[0] < found.value < found.independent[1] < 0.65 < 0.85 < found.high


def test_one_rater_and_one_prompt_still_have_an_interval() -> None:
    won = np.array([True, True, False, True])
    for prompts, raters in ((np.arange(4), np.zeros(4, int)), (np.zeros(4, int), np.arange(4))):
        found = share(won, prompts, raters)
        assert 0 < found.low < 0.75 < found.high < 1
    assert share(np.array([True]), np.zeros(1, int), np.zeros(1, int)).low == pytest.approx(wilson(1, 1, 1.959964)[0])


def test_full_agreement_is_wilsons_interval() -> None:
    prompts, raters = crossed(10, 3)
    found = share(np.ones(30, bool), prompts, raters)
    assert (found.low, found.high) == found.independent == pytest.approx((wilson(1, 30, 1.959964)[0], 1.0))


@pytest.mark.long
def test_the_interval_covers_the_share_among_all_prompts_and_raters() -> None:
    """Votes are signs of a sum of tastes for prompts, habits of raters and chance; the share is then known."""
    generator = np.random.default_rng(2)
    prompts, raters = crossed(50, 5)
    truth = stats.norm.cdf(0.3 / np.sqrt(1 + 0.4**2 + 0.8**2))
    clustered = independent = 0
    for _ in range(400):
        prompt, rater = generator.normal(size=50), generator.normal(size=5)
        won = 0.3 + 0.8 * prompt[prompts] + 0.4 * rater[raters] + generator.normal(size=250) > 0
        found = share(won, prompts, raters)
        clustered += found.low <= truth <= found.high
        independent += found.independent[0] <= truth <= found.independent[1]
    assert clustered / 400 > 0.9
    assert independent / 400 < 0.75


def test_alpha_of_krippendorffs_examples() -> None:
    """Two coders of ten binary units, and four coders of twelve units in five values with gaps (2011, B and C)."""
    binary = "0 1 0 0 0 0 0 0 1 0\n1 1 1 0 0 1 0 0 0 0"
    assert krippendorff_alpha(table(binary)) == pytest.approx(0.095, abs=0.0005)
    gaps = """
        1 2 3 3 2 1 4 1 2 . . .
        1 2 3 3 2 2 4 1 2 5 . 3
        . 3 3 3 2 3 4 2 2 5 1 .
        1 2 3 3 2 4 4 1 2 5 1 .
    """
    assert krippendorff_alpha(table(gaps)) == pytest.approx(0.743, abs=0.0005)


def test_alpha_by_the_coincidences_of_all_pairs() -> None:
    counts = np.random.default_rng(3).multinomial(5, [0.5, 0.3, 0.2], size=40)
    coincidences = np.zeros((3, 3))
    for row in counts:
        values = np.repeat(np.arange(3), row)
        for i, j in itertools.permutations(range(5), 2):
            coincidences[values[i], values[j]] += 1 / 4
    n, totals = coincidences.sum(), coincidences.sum(1)
    expected = (np.outer(totals, totals) - np.diag(totals)) / (n - 1)
    off = ~np.eye(3, dtype=bool)
    assert krippendorff_alpha(counts) == pytest.approx(1 - coincidences[off].sum() / expected[off].sum())


def test_alpha_at_its_ends() -> None:
    assert krippendorff_alpha(np.array([[3, 0], [0, 3]])) == 1
    assert np.isnan(krippendorff_alpha(np.array([[3, 0], [3, 0]])))
    assert krippendorff_alpha(np.array([[1, 1], [1, 1], [1, 1]])) < 0


def test_the_interval_of_alpha_holds_it_and_needs_ten_units() -> None:
    counts = np.array([[4, 1]] * 12 + [[1, 4]] * 12 + [[3, 2]] * 6)
    interval = alpha_interval(counts, 0.95)
    assert interval is not None
    assert interval[0] < krippendorff_alpha(counts) < interval[1]
    assert alpha_interval(counts, 0.95) == interval
    assert alpha_interval(counts[:9], 0.95) is None


def games(systems: int, n: int, seed: int) -> tuple[np.ndarray, ...]:
    """Winners, losers, prompts and raters of random votes."""
    generator = np.random.default_rng(seed)
    truth = np.linspace(-1, 1, systems)
    first = generator.integers(0, systems, n)
    second = (first + generator.integers(1, systems, n)) % systems
    won = generator.random(n) < 1 / (1 + np.exp(truth[second] - truth[first]))
    return np.where(won, first, second), np.where(won, second, first), np.arange(n), np.arange(n)


def test_strengths_are_where_scipy_finds_the_likelihood_highest() -> None:
    winners, losers, prompts, raters = games(4, 300, 0)

    def loss(free: np.ndarray) -> float:
        strengths = np.append(free, -free.sum())
        return float(np.logaddexp(0, strengths[losers] - strengths[winners]).sum())

    best = optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12}).x
    found = [strength.value for strength in bradley_terry(4, winners, losers, prompts, raters, 0.95)]
    assert found == pytest.approx([*best, -best.sum()], abs=1e-6)


def test_strengths_are_those_of_logistic_regression_and_of_hunters_iteration() -> None:
    winners, losers, prompts, raters = games(5, 500, 1)
    found = np.array([strength.value for strength in bradley_terry(5, winners, losers, prompts, raters, 0.95)])
    signs = np.eye(5)[winners] - np.eye(5)[losers]
    data, labels = np.vstack([signs, -signs]), np.repeat([1, 0], 500)
    fitted = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-10, max_iter=1000).fit(data, labels).coef_[0]
    assert found == pytest.approx(fitted - fitted.mean(), abs=1e-4)
    odds, wins = np.ones(5), np.zeros((5, 5))
    np.add.at(wins, (winners, losers), 1)
    for _ in range(500):  # Hunter, "MM algorithms for generalized Bradley-Terry models", 2004, equation 3
        odds = wins.sum(1) / ((wins + wins.T) / (odds[:, None] + odds)).sum(1)
    assert found == pytest.approx(np.log(odds) - np.log(odds).mean(), abs=1e-8)


def test_two_systems_have_the_log_odds_of_their_share_and_its_textbook_error() -> None:
    winners = np.repeat([0, 1], [70, 30])
    found = bradley_terry(2, winners, 1 - winners, np.arange(100), np.arange(100), 0.95)
    assert found[0].value == pytest.approx(np.log(70 / 30) / 2)
    error = np.sqrt(1 / 70 + 1 / 30) / 2
    assert found[0].high - found[0].value == pytest.approx(1.98 * error, rel=0.02)


def test_intervals_of_strengths_widen_with_clusters() -> None:
    winners, losers, prompts, raters = games(3, 200, 2)
    plain = bradley_terry(3, winners, losers, prompts, raters, 0.95)[0]
    again_n = np.repeat(np.arange(200), 5)  # each vote five times says nothing new
    copied = bradley_terry(3, winners[again_n], losers[again_n], prompts[again_n], np.arange(1000), 0.95)[0]
    assert copied.value == pytest.approx(plain.value)
    assert copied.high - copied.low == pytest.approx(plain.high - plain.low, rel=0.01)


def test_a_system_that_never_loses_has_no_strength() -> None:
    winners, losers = np.array([0, 0, 1, 2]), np.array([1, 2, 2, 1])
    with pytest.raises(ValueError, match="never lost"):
        bradley_terry(3, winners, losers, np.arange(4), np.zeros(4, int), 0.95)


def test_majorities_of_five_raters() -> None:
    winners = {0: "AAABB", 1: "BBBBA", 2: "AAAAA", 3: "AB"}
    votes = [
        Vote("quality", prompt, rater, "A", "B", winner, None)
        for prompt, text in winners.items()
        for rater, winner in enumerate(text)
    ]
    found = majorities(votes_by_prompt(votes), "A")
    assert (found.won, found.decided, found.undecided, found.fewest, found.most) == (2, 3, 1, 2, 5)
    assert found.interval == pytest.approx(wilson(2 / 3, 3, 1.959964))
