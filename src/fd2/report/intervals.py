"""95 % t intervals of means and of differences, from the statistics of independent values."""

from __future__ import annotations

import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
STATISTICS = ("mean", "var", "count")


def statistic(values: pd.DataFrame, name: str) -> pd.DataFrame:
    """One of `STATISTICS`, from a frame with a column of each for each metric."""
    metrics = values.columns.unique(level=0)
    return pd.DataFrame({metric: values[metric, name] for metric in metrics})


def half_width(variance: pd.DataFrame, freedom: pd.DataFrame) -> pd.DataFrame:
    """Half of a 95 % t interval by the estimate's variance; NaN below 1 degree of freedom."""
    quantile = stats.t.ppf((1 + CONFIDENCE) / 2, freedom.where(freedom >= 1))
    return variance**0.5 * quantile


def of_mean(values: pd.DataFrame) -> pd.DataFrame:
    """Half width of the interval around a mean of independent values; NaN below two.

    From a column of each of the `STATISTICS` for each metric.
    """
    count = statistic(values, "count")
    return half_width(statistic(values, "var") / count, count - 1)


def welch(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Difference of two independent groups' means, and half of its interval.

    Degrees of freedom by Welch and Satterthwaite; NaN where a side has fewer than two values. Both
    have a column of each of the `STATISTICS` for each metric, and the same rows.
    """
    n, n_theirs = statistic(ours, "count"), statistic(theirs, "count")
    error, error_theirs = statistic(ours, "var") / n, statistic(theirs, "var") / n_theirs
    variance = error + error_theirs
    freedom = variance**2 / (error**2 / (n - 1) + error_theirs**2 / (n_theirs - 1))
    # Without any variance the formula is 0 / 0, and the interval has no width by any freedom.
    freedom = freedom.where(variance != 0, n + n_theirs - 2)
    difference = statistic(ours, "mean") - statistic(theirs, "mean")
    return difference, half_width(variance, freedom)
