#!/usr/bin/env python3
"""Holds feature columns of real candles to TA-Lib and pandas; used by talib_agreement.sh, not alone.

    talib_compare.py WORK SERIES...     exits with 1 when a column differs by more than 1e-9

Columns restart after every hole, so both oracles are run on each run without a hole. First values must coincide. A
difference is taken relative to the value; where values pass through zero, to what they are made of: a move, a full
percent, the largest volume. The columns TA-Lib has no function for are held to indicators_pandas.py, on the 1h
series (its exact windows are slow).
"""
import subprocess
import sys

import numpy as np
import pandas as pd

import indicators_pandas

LIMIT = 1e-9
NOT_TALIB = ("kc_upper", "kc_middle", "kc_lower", "cmf", "vpt", "bb_width", "bb_percent_b", "price_change", "volume_change")
PERCENT = ("rsi_14", "rsi_21", "stochastic_k", "stochastic_d", "adx", "di_plus", "di_minus", "mfi", "roc_12")
OF_MOVES = ("macd", "macd_signal", "macd_histogram", "momentum")
BANDS = ("bb_upper", "bb_lower")
# TA-Lib takes a variance below this for 0, whatever the coin's price.
TALIB_VARIANCE = 1e-14


def scale(name, oracle):
    values = oracle[name].abs()
    if name in PERCENT:
        return np.maximum(values, 1.0)
    if name in OF_MOVES:
        return np.maximum(values, oracle["atr_14"].fillna(oracle["high"] - oracle["low"]))
    if name in ("obv", "vpt"):
        return np.maximum(values, oracle["volume"].max())
    if name in ("cmf", "bb_percent_b", "price_change", "volume_change"):
        return np.maximum(values, 1.0)  # fractions
    if name == "bb_width":  # of a price: pandas takes the deviation of prices, not of their differences
        return np.maximum(values, oracle["close"])
    return values


def relative(name, ours, oracle):
    a, b = ours[name].to_numpy(), oracle[name].to_numpy()
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return np.full(len(a), np.inf)
    difference = np.where(np.isnan(a), 0.0, np.abs(a - b))
    return np.where(difference == 0.0, 0.0, difference / np.maximum(scale(name, oracle).to_numpy(), 1e-300))


class Worst:
    def __init__(self):
        self.columns, self.small = {}, {}

    def add(self, name, oracle_name, series, difference, small=None):
        if small is not None and small.any():
            rows, most = self.small.get((name, series), (0, 0.0))
            self.small[name, series] = (rows + int(small.sum()), max(most, float(difference[small].max())))
            difference = np.where(small, 0.0, difference)
        if len(difference) and difference.max() >= self.columns.get((name, oracle_name), (-1.0, ""))[0]:
            self.columns[name, oracle_name] = (float(difference.max()), series)

    def report(self):
        for (name, oracle), (value, series) in self.columns.items():
            print(f"{name:16} {oracle:7} {value:9.2e}  {series}{'' if value <= LIMIT else '  MORE THAN 1e-9'}")
        for (name, series), (rows, most) in self.small.items():
            print(f"{name} {series}: TA-Lib takes {rows} variances below 1e-14 for 0, its band is off by up to {most:.1e}")
        return 0 if all(value <= LIMIT for value, _ in self.columns.values()) else 1


def compare_run(work, series, candles, ours, worst):
    candles.to_csv(f"{work}/run.csv", index=False)
    with open(f"{work}/run.talib.csv", "w") as out:
        subprocess.run([f"{work}/talib_csv", f"{work}/run.csv"], stdout=out, check=True)
    talib = pd.read_csv(f"{work}/run.talib.csv", float_precision="round_trip")
    small = ((ours["bb_width"] / 4.0) ** 2 < 1.001 * TALIB_VARIANCE).to_numpy()
    for name in talib.columns[6:]:
        if name not in NOT_TALIB:
            worst.add(name, "TA-Lib", series, relative(name, ours, talib), small if name in BANDS else None)
    if series.endswith("_1h"):
        oracle = indicators_pandas.features(candles)
        for name in NOT_TALIB + ("stochastic_k", "stochastic_d"):
            worst.add(name, "pandas", series, relative(name, ours, oracle))


def main():
    work, names = sys.argv[1], sys.argv[2:]
    worst, rows = Worst(), 0
    for series in names:
        candles = pd.read_csv(f"{work}/from/{series}.csv", float_precision="round_trip")
        ours = pd.read_csv(f"{work}/{series}.mop.csv", float_precision="round_trip")
        step = 900_000 if series.endswith("15m") else 3_600_000
        for _, part in ours.groupby((ours["open_time"].diff() != step).cumsum()):
            if len(part) >= 260:  # every column has values
                held = candles[candles["open_time"].isin(part["open_time"])].reset_index(drop=True)
                compare_run(work, series, held, part.reset_index(drop=True), worst)
                rows += len(part)
    print(f"{len(names)} series, {rows} candles; largest relative difference")
    sys.exit(worst.report() if rows else 1)


if __name__ == "__main__":
    main()
