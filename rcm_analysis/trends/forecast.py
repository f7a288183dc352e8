"""The next three months of a monthly series, with intervals that past forecasts have earned.

month    value          month    horizon  value  lower  upper
2026-09  171            2026-11  1        164    131    197
2026-10  158            2026-12  2        164    126    202
"""

from __future__ import annotations

import numpy as np
import pandas as pd

HORIZON_MONTHS = 3
FEWEST_MONTHS = 9
WEIGHT = 0.35  # of the newest month
SHARE = 0.9  # of past forecasts whose error fits the interval


def smooth(values: np.ndarray, weight: float) -> np.ndarray:
    """The level after each month: the new value counts `weight`, the level before it the rest."""
    level = np.empty(len(values))
    level[0] = values[0]
    for i in range(1, len(values)):
        level[i] = weight * values[i] + (1 - weight) * level[i - 1]
    return level


def level_ahead(values: np.ndarray) -> float:
    """Exponential smoothing (Brown 1959). One weight for all: choosing it by a year or two of months chooses noise."""
    return float(smooth(values, WEIGHT)[-1])


def backtest(values: np.ndarray) -> pd.DataFrame:
    """Forecasts that would have been made at each past month: horizon, forecast, naive (the last month), actual."""
    rows = [(origin + h, h, level_ahead(values[: origin + 1]), values[origin], values[origin + h])
            for origin in range(FEWEST_MONTHS - 4, len(values)) for h in range(1, HORIZON_MONTHS + 1) if origin + h < len(values)]  # fmt: skip
    return pd.DataFrame(rows, columns=["place", "horizon", "forecast", "naive", "actual"])


def ahead(series: pd.DataFrame) -> pd.DataFrame:
    """Three months after the last of `series` (month, value), with 90 % intervals: the error that nine in ten past
    forecasts at that horizon stayed within. Empty where there are fewer than nine months.
    """
    columns = ["month", "horizon", "value", "lower", "upper"]
    values = series["value"].to_numpy(float)
    if len(values) < FEWEST_MONTHS:
        return pd.DataFrame(columns=columns)
    past, value = backtest(values), level_ahead(values)
    rows = []
    for h in range(1, HORIZON_MONTHS + 1):
        errors = (past["actual"] - past["forecast"]).abs()[past["horizon"] == h].to_numpy()
        # The quantile that holds for one more forecast (conformal prediction, Vovk 2005)
        rank = min(int(np.ceil(SHARE * (len(errors) + 1))), len(errors))
        half = float(np.sort(errors)[rank - 1])
        month = str(pd.Period(series["month"].iloc[-1], freq="M") + h)
        rows.append((month, h, value, max(value - half, 0.0), value + half))
    return pd.DataFrame(rows, columns=columns)


def accuracy(series: pd.DataFrame) -> pd.DataFrame:
    """horizon, forecasts, error, naive_error: mean absolute errors of the forecast and of "as last month"."""
    values = series["value"].to_numpy(float)
    if len(values) < FEWEST_MONTHS:
        return pd.DataFrame(columns=["horizon", "forecasts", "error", "naive_error"])
    past = backtest(values)
    past = past.assign(
        error=(past["forecast"] - past["actual"]).abs(), naive_error=(past["naive"] - past["actual"]).abs()
    )
    return past.groupby("horizon", as_index=False).agg(
        forecasts=("error", "size"), error=("error", "mean"), naive_error=("naive_error", "mean")
    )


def backtest_table(series: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """`accuracy` of several series, with the series' name in `what`."""
    return pd.concat([accuracy(table).assign(what=name) for name, table in series.items()], ignore_index=True)
