#!/usr/bin/env python3
"""Compares feature columns run by run with TA-Lib; used by talib_agreement.sh, not alone.

Columns restart after every hole, so TA-Lib is run on each run without a hole. A difference is taken relative to
the value, for oscillators, whose values pass through zero, to their full range. First values must coincide.
"""
import subprocess
import sys

import numpy as np
import pandas as pd

NOT_TALIB = ("kc_", "cmf", "vpt", "bb_width", "bb_percent_b")
FULL_RANGE = {"macd": "atr_14", "macd_signal": "atr_14", "macd_histogram": "atr_14", "momentum": "atr_14"}


def differences(ours, talib, name):
    a, b = ours[name].to_numpy(), talib[name].to_numpy()
    if not np.array_equal(np.isnan(a), np.isnan(b)):
        return np.inf
    known = ~np.isnan(a)
    if not known.any():
        return 0.0
    scale = np.abs(b)
    if name in ("rsi_14", "rsi_21", "stochastic_k", "stochastic_d", "adx", "di_plus", "di_minus", "mfi", "roc_12"):
        scale = np.maximum(scale, 1.0)  # percent
    elif name in FULL_RANGE:  # differences of prices: against the size of a move
        scale = np.maximum(scale, talib[FULL_RANGE[name]].fillna(talib["high"] - talib["low"]).to_numpy())
    elif name == "obv":  # a sum of volumes that passes through zero
        scale = np.maximum(scale, talib["volume"].max())
    elif name in ("cmf", "bb_percent_b", "price_change", "volume_change", "vpt"):
        scale = np.maximum(scale, 1e-3)
    difference = np.abs(a - b)[known]
    return float(np.max(np.where(difference == 0.0, 0.0, difference / np.maximum(scale[known], 1e-300))))


def main():
    work, names = sys.argv[1], sys.argv[2:]
    worst = {}
    rows = 0
    for series in names:
        candles = pd.read_csv(f"{work}/from/{series}.csv")
        ours = pd.read_csv(f"{work}/{series}.mop.csv")
        step = 900_000 if series.endswith("15m") else 3_600_000
        run = (ours["open_time"].diff() != step).cumsum()
        for _, part in ours.groupby(run):
            if len(part) < 260:
                continue
            held = candles[candles["open_time"].isin(part["open_time"])]
            held.to_csv(f"{work}/run.csv", index=False)
            with open(f"{work}/run.talib.csv", "w") as out:
                subprocess.run([f"{work}/talib_csv", f"{work}/run.csv"], stdout=out, check=True)
            talib = pd.read_csv(f"{work}/run.talib.csv", float_precision="round_trip")
            rows += len(part)
            for name in talib.columns[6:]:
                value = differences(part.reset_index(drop=True), talib, name)
                if value > worst.get(name, (-1.0, ""))[0]:
                    worst[name] = (value, series)
    print(f"{len(names)} series, {rows} candles")
    for name, (value, series) in worst.items():
        note = " (plain C, no TA-Lib function)" if name.startswith(NOT_TALIB) else ""
        print(f"{name:16} {value:9.2e}  {series}{note}")


if __name__ == "__main__":
    main()
