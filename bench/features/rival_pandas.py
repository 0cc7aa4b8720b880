#!/usr/bin/env python3
"""The same columns of the same market by pandas, in whole-column operations: prints seconds, the best of 3 runs.

The formulas are those of tests/oracles/indicators_pandas.py; windows use pandas' own rolling sums, means and
extremes instead of the oracle's exact loops, as anybody in a hurry would.
"""
import json
import pathlib
import sys
import time

import numpy as np
import pandas as pd

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "oracles"))
import indicators_pandas as oracle  # noqa: E402


class FastRolling:
    """rolling(n).apply(np.mean | np.sum | np.std) by pandas' built-in forms."""

    def __init__(self, rolling):
        self.rolling = rolling

    def apply(self, function, raw):
        if function is np.mean:
            return self.rolling.mean()
        if function is np.sum:
            return self.rolling.sum()
        return self.rolling.std(ddof=0)

    def max(self):
        return self.rolling.max()

    def min(self):
        return self.rolling.min()


def main():
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rng = np.random.default_rng(1)
    close = np.round(100.0 * np.exp(np.cumsum(0.0005 * rng.standard_normal(rows))), 2)
    opened = np.concatenate(([100.0], close[:-1]))
    wick = np.abs(rng.standard_normal((2, rows))) * 0.05
    candles = pd.DataFrame(
        {
            "open": opened,
            "high": np.maximum(opened, close) + wick[0],
            "low": np.minimum(opened, close) - wick[1],
            "close": close,
            "volume": np.abs(rng.standard_normal(rows)) * 10.0,
        }
    )
    plain = pd.Series.rolling
    pd.Series.rolling = lambda series, n: FastRolling(plain(series, n))
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        oracle.features(candles)
        best = min(best, time.process_time() - begin)
    print(json.dumps({"pandas_s": best}))


if __name__ == "__main__":
    main()
