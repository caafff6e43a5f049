"""Intervals, summaries over seeds, paired tests, ranks over tasks. Units pass through: fractions in, fractions out."""

from rsbench.statistics.bootstrap import (
    Difference,
    Scores,
    bootstrap_interval,
    bootstrap_sums,
    paired_bootstrap,
    paired_score_difference,
    percentile_interval,
    resampled_scores,
    seed_averaged_interval,
)
from rsbench.statistics.paired import (
    PERMUTATIONS,
    PairedTest,
    holm,
    mcnemar,
    permutation_test,
    permutation_tests,
    sign_flips,
)
from rsbench.statistics.ranks import Ranking, critical_difference, rank_methods
from rsbench.statistics.seeds import SeedSummary, seed_summary, welch

__all__ = [
    "Difference", "PERMUTATIONS", "PairedTest", "Ranking", "Scores", "SeedSummary", "bootstrap_interval",
    "bootstrap_sums", "critical_difference", "holm", "mcnemar", "paired_bootstrap", "paired_score_difference",
    "percentile_interval", "permutation_test", "permutation_tests", "rank_methods", "resampled_scores",
    "seed_averaged_interval", "seed_summary", "sign_flips", "welch",
]  # fmt: skip
