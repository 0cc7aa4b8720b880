#!/usr/bin/env python3
"""The 44 raw feature columns written with pandas, independently of the C++ code, on a synthetic candle series.

    /usr/bin/python3 tests/oracles/indicators_pandas.py mop/features/testdata/indicators_pandas.csv

writes the candles and every column (shortest text that reads back exactly, empty during warm-up); raw_features_test.cc compares.
Made with pandas 1.5.3 and numpy 1.24.2. The candles come from a seeded generator: running it again gives the
same file.
"""
import sys

import numpy as np
import pandas as pd

ROWS = 420
SEED = 20250701


def synthetic_candles():
    """A tick-quantised random walk with a quiet spell, a crash, candles without range and without volume."""
    rng = np.random.default_rng(SEED)
    volatility = 0.004 * np.exp(0.5 * np.sin(np.arange(ROWS) / 40.0))
    volatility[150:170] = 0.0
    returns = volatility * rng.standard_normal(ROWS)
    returns[300] = -0.25
    close = np.round(1000.0 * np.exp(np.cumsum(returns)), 2)
    opened = np.round(np.concatenate(([1000.0], close[:-1])) * (1.0 + 0.0005 * rng.standard_normal(ROWS)), 2)
    opened[150:170] = close[149]
    wick = np.abs(rng.standard_normal((2, ROWS))) * volatility
    high = np.round(np.maximum(opened, close) * (1.0 + wick[0]), 2)
    low = np.round(np.minimum(opened, close) * (1.0 - wick[1]), 2)
    volume = np.round(50.0 * np.exp(rng.standard_normal(ROWS)), 5)
    volume[[7, 8, 60, 151, 152, 153, 333]] = 0.0
    open_time = 1_700_006_400_000 + 3_600_000 * np.arange(ROWS)
    return pd.DataFrame(
        {"open_time": open_time, "open": opened, "high": high, "low": low, "close": close, "volume": volume}
    )


def seeded_mean(values, n, alpha):
    """Exponential mean that starts as the plain mean of the first n known values."""
    known = values.dropna()
    start = known.iloc[:n].mean()
    body = pd.concat([pd.Series([start], index=[known.index[n - 1]]), known.iloc[n:]])
    return body.ewm(alpha=alpha, adjust=False).mean().reindex(values.index)


def ema(values, n):
    return seeded_mean(values, n, 2.0 / (n + 1))


def wilder(values, n):
    return seeded_mean(values, n, 1.0 / n)


def wilder_sum(values, n):
    """Wilder's running sum S - S/n + x, n times an exponential mean; it starts from n - 1 values only."""
    known = values.dropna()
    start = known.iloc[: n - 1].sum()
    body = pd.concat([pd.Series([start / n], index=[known.index[n - 2]]), known.iloc[n - 1 :]])
    mean = body.ewm(alpha=1.0 / n, adjust=False).mean()
    return (n * mean).iloc[1:].reindex(values.index)


def rsi(close, n):
    change = close.diff()
    gain = wilder(change.clip(lower=0.0).where(change.notna()), n)
    loss = wilder((-change).clip(lower=0.0).where(change.notna()), n)
    return 100.0 - 100.0 / (1.0 + gain / loss)


def features(c):
    o, h, l, close, v = c["open"], c["high"], c["low"], c["close"], c["volume"]
    f = pd.DataFrame({"open": o, "high": h, "low": l, "close": close, "volume": v})
    for n in (10, 20, 50, 100, 200):
        f[f"sma_{n}"] = close.rolling(n).apply(np.mean, raw=True)
    for n in (10, 20, 50, 100, 200):
        f[f"ema_{n}"] = ema(close, n)
    f["rsi_14"] = rsi(close, 14)
    f["rsi_21"] = rsi(close, 21)

    fast = ema(close.iloc[14:], 12).reindex(close.index)  # TA-Lib: begins where the slow one does
    line = fast - ema(close, 26)
    signal = ema(line, 9)
    f["macd"] = line.where(signal.notna())
    f["macd_signal"] = signal
    f["macd_histogram"] = line - signal

    highest, lowest = h.rolling(14).max(), l.rolling(14).min()
    fast_k = (100.0 * (close - lowest) / (highest - lowest)).where(highest.isna() | (highest > lowest), 0.0)
    slow_k = fast_k.rolling(3).apply(np.mean, raw=True)
    slow_d = slow_k.rolling(3).apply(np.mean, raw=True)
    f["stochastic_k"] = slow_k.where(slow_d.notna())
    f["stochastic_d"] = slow_d
    f["roc_12"] = 100.0 * close.pct_change(12)
    f["momentum"] = close.diff(5)

    middle = close.rolling(20).apply(np.mean, raw=True)
    spread = close.rolling(20).apply(lambda window: np.std(window - window[-1]), raw=True)
    f["bb_upper"] = middle + 2.0 * spread
    f["bb_middle"] = middle
    f["bb_lower"] = middle - 2.0 * spread
    f["bb_width"] = 4.0 * spread
    f["bb_percent_b"] = ((close - f["bb_lower"]) / f["bb_width"]).where(spread.isna() | (spread > 0.0), 0.5)

    before = close.shift(1)
    true_range = pd.concat([h - l, (h - before).abs(), (l - before).abs()], axis=1).max(axis=1).where(before.notna())
    atr = wilder(true_range, 14)
    f["atr_14"] = atr
    f["natr"] = 100.0 * atr / close

    up, down = h.diff(), -l.diff()
    plus = up.where((up > down) & (up > 0.0), 0.0).where(before.notna())
    minus = down.where((down > up) & (down > 0.0), 0.0).where(before.notna())
    smooth_range = wilder_sum(true_range, 14)
    di_plus = 100.0 * wilder_sum(plus, 14) / smooth_range
    di_minus = 100.0 * wilder_sum(minus, 14) / smooth_range
    f["adx"] = wilder(100.0 * (di_plus - di_minus).abs() / (di_plus + di_minus), 14)
    f["di_plus"] = di_plus
    f["di_minus"] = di_minus

    f["kc_upper"] = ema(close, 20) + 2.0 * atr
    f["kc_middle"] = ema(close, 20)
    f["kc_lower"] = ema(close, 20) - 2.0 * atr

    direction = np.sign(close.diff()).fillna(1.0)
    f["obv"] = (direction * v).cumsum()
    position = (((close - l) - (h - close)) / (h - l)).where(h > l, 0.0)
    f["cmf"] = (position * v).rolling(20).apply(np.sum, raw=True) / v.rolling(20).apply(np.sum, raw=True)
    typical = (h + l + close) / 3.0
    change = typical.diff()
    flow = (typical * v).where(change.notna())
    rises = flow.where(change > 0.0, 0.0).where(change.notna()).rolling(14).apply(np.sum, raw=True)
    falls = flow.where(change < 0.0, 0.0).where(change.notna()).rolling(14).apply(np.sum, raw=True)
    f["mfi"] = (100.0 * rises / (rises + falls)).where(rises.isna() | (rises + falls > 0.0), 0.0)
    f["vpt"] = (v * close.pct_change()).fillna(0.0).cumsum()
    f["price_change"] = close.pct_change()
    f["volume_change"] = v.pct_change().where(v.shift(1) != 0.0, 0.0)
    f["hl2"] = (h + l) / 2.0
    return f


def main():
    candles = synthetic_candles()
    table = features(candles)
    table.insert(0, "open_time", candles["open_time"])
    table.to_csv(sys.argv[1], index=False)


if __name__ == "__main__":
    main()
