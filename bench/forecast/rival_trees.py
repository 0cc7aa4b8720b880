#!/usr/bin/python3
"""Gradient-boosted trees on the same candles and split as `mop evaluate`: the strong rival of MOP's forecasts.

    rival_trees.py DATA_DIR 15m|1h SPLIT END [FORECASTS.csv]

scikit-learn's HistGradientBoostingRegressor, one model per quantile level, pooled over all coins, one step
ahead; fitted on candles before SPLIT, scored on candles that end in [SPLIT, END). Rows whose last 500 candles
contain a hole are left out. Prints one JSON object: pinball losses averaged over the nine levels in units of
sigma, of B1 (static), B2 (EWMA), B3 (HAR) and the trees, on the same rows.

FORECASTS.csv is what `mop evaluate --forecasts` wrote: then only rows that MOP forecast too are scored, and
"mop" in the reply holds the same figures of MOP's forecasts. What makes the comparison fair: both know the
candles before SPLIT of all coins and nothing later (MOP stops early on the newest part of them, the trees fit
on all); MOP's price quantiles are turned back into z = ln(price / close) / sigma with this script's sigma, so
both are scored on the same rows by the same targets, and against one B2, fitted here.
"""
import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

LEVELS = np.array([0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975])
DAY = {"15m": 96, "1h": 24}
STEP = {"15m": 900_000, "1h": 3_600_000}


def pinball(z, q):
    e = z[:, None] - q
    return float(np.mean(np.maximum(LEVELS * e, (LEVELS - 1) * e)))


def read(path, step):
    d = pd.read_csv(path, usecols=["open_time", "open", "high", "low", "close", "volume"])
    hole = d.open_time.diff() != step
    d["run"] = d.groupby(hole.cumsum()).cumcount()  # candles since the last hole
    d["r"] = np.where(d.run > 0, np.log(d.close).diff(), np.nan)
    return d


def features(d, tf, market):
    day = DAY[tf]
    r = d.r.fillna(0.0)
    sigma = np.sqrt((r**2).ewm(span=day, adjust=False).mean()).clip(lower=1e-5)
    lr = np.log(d.high / d.low)
    x = {}
    for k in range(8):
        x[f"r{k}"] = r.shift(k) / sigma
    logc = np.log(d.close)
    for k in (4, 8, 12, 24, 48, 96):
        x[f"mom{k}"] = (logc - logc.shift(k)) / (sigma * np.sqrt(k))
    for n in (10, 20, 50, 100, 200):
        x[f"ema{n}"] = (logc - np.log(d.close.ewm(span=n, adjust=False).mean())) / sigma
    for n in (1, 4, day // 4, day, 5 * day):
        x[f"lr{n}"] = np.log((lr.rolling(n).mean() / sigma).clip(lower=0.01))
        x[f"rv{n}"] = np.log((np.sqrt((r**2).rolling(n).mean()) / sigma).clip(lower=0.1))
    x["log_sigma"] = np.log(sigma)
    x["vol"] = np.log((d.volume / d.volume.rolling(day).mean()).clip(lower=1e-3))
    x["loc"] = (2 * d.close - d.high - d.low) / (d.high - d.low).replace(0, np.nan)
    m = market.reindex(d.open_time)
    for name in ("btc", "mean"):
        for k in (0, 1):
            x[f"{name}{k}"] = m[name].shift(k).to_numpy() / sigma
    x["relative"] = (r - m["mean"].to_numpy()) / sigma
    opens = (d.open_time + STEP[tf]) // 1000
    hour = (opens % 86400) / 3600
    x["hour_sin"], x["hour_cos"] = np.sin(2 * np.pi * hour / 24), np.cos(2 * np.pi * hour / 24)
    x["weekday"] = (opens // 86400 + 3) % 7
    x["minute"] = (opens % 3600) / 60
    x = pd.DataFrame({k: np.asarray(v, dtype=np.float32) for k, v in x.items()})
    y = np.log(d.close.shift(-1) / d.close).where(d.run.shift(-1) > 0)
    ok = (d.run >= 500) & y.notna()
    return x, sigma, y, ok


def read_forecasts(path, tf):
    """MOP's quantiles one step ahead over the close they were made at: coin -> rows indexed by close time."""
    f = pd.read_csv(path)
    f = f[(f.timeframe == tf) & (f.step == 1) & f.model.str.endswith("_" + tf)]
    prices = f[[f"q{level:g}" for level in LEVELS]]
    logs = np.log(prices.div(f.close, axis=0)).set_axis(f.as_of_close_time)
    return {coin: logs[mine] for coin in f.model.str.split("_").str[0].unique()
            for mine in [(f.model == f"{coin}_{tf}").to_numpy()]}


def judge(z, q, y, sigma, ewma):
    """Scores of quantiles q of z, one row a forecast; `ewma` is B2's loss on the same rows."""
    loss, median = pinball(z, q), q[:, 4] * sigma
    return {"pinball": loss, "skill_vs_ewma_pct": 100 * (1 - loss / ewma),
            "coverage90": float(np.mean((z >= q[:, 1]) & (z <= q[:, 7]))),
            "direction": float(np.mean((median > 0) == (y > 0), where=y != 0)),
            "mae_ratio": float(np.mean(np.abs(y - median)) / np.mean(np.abs(y)))}


def main():
    data, tf = Path(sys.argv[1]), sys.argv[2]
    split, end = (pd.Timestamp(day, tz="UTC").value // 10**6 for day in sys.argv[3:5])
    forecasts = read_forecasts(sys.argv[5], tf) if len(sys.argv) > 5 else None
    start = time.time()
    coins = {p.name.split("_")[0]: read(p, STEP[tf]) for p in sorted(data.glob(f"*_{tf}.csv"))}
    returns = pd.DataFrame({s: d.set_index("open_time").r for s, d in coins.items()})
    market = pd.DataFrame({"btc": returns["BTCUSDT"], "mean": returns.mean(axis=1)}).fillna(0.0)
    fit, score, unmatched = [], [], 0
    for symbol, d in coins.items():
        x, sigma, y, ok = features(d, tf, market)
        closes = d.open_time + STEP[tf]
        z = (y / sigma).to_numpy()
        known = (closes + STEP[tf] <= split) & ok
        scored = (closes >= split) & (closes < end) & ok
        if forecasts is not None:
            mine = forecasts.get(symbol, pd.DataFrame(columns=range(len(LEVELS))))
            both = scored & (closes - 1).isin(mine.index)
            unmatched += int((scored & ~both).sum())
            scored = both
        if scored.sum() == 0 or known.sum() < 1000:
            if known.sum() >= 1000:
                fit.append((x[known], z[known]))
            continue
        har_x = np.column_stack([np.ones(len(x))] + [x[c] for c in x if c.startswith(("rv", "lr", "hour_"))] + [x.log_sigma])
        target = np.log(np.maximum(np.abs(z), 0.05))
        good = known & np.isfinite(har_x).all(axis=1)
        beta = np.linalg.lstsq(har_x[good].astype(float), target[good], rcond=None)[0]
        scale = np.exp(har_x.astype(float) @ beta)
        q1 = np.quantile(y[known], LEVELS)
        q2 = np.quantile(z[known], LEVELS)
        q3 = np.quantile(z[good] / scale[good], LEVELS)
        s = scored.to_numpy()
        fit.append((x[known], z[known]))
        score.append(dict(x=x[s], z=z[s], b1=q1[None, :] / sigma[s].to_numpy()[:, None],
                          b2=np.repeat(q2[None, :], s.sum(), 0), b3=scale[s][:, None] * q3[None, :],
                          y=y[s].to_numpy(), sigma=sigma[s].to_numpy()))
        if forecasts is not None:
            score[-1]["mop"] = mine.loc[(closes - 1)[s]].to_numpy() / score[-1]["sigma"][:, None]
    X, Z = pd.concat([f[0] for f in fit]).to_numpy(), np.concatenate([f[1] for f in fit])
    S, zs = pd.concat([s["x"] for s in score]).to_numpy(), np.concatenate([s["z"] for s in score])
    q = np.empty((len(zs), len(LEVELS)))
    for i, level in enumerate(LEVELS):
        model = HistGradientBoostingRegressor(loss="quantile", quantile=level, max_iter=120, learning_rate=0.06,
                                              max_leaf_nodes=31, min_samples_leaf=500)
        q[:, i] = model.fit(X, Z).predict(S)
        print(f"level {level}: {time.time() - start:.0f} s", file=sys.stderr)
    q.sort(axis=1)
    b1, b2, b3 = (pinball(zs, np.concatenate([s[k] for s in score])) for k in ("b1", "b2", "b3"))
    y, sigma = np.concatenate([s["y"] for s in score]), np.concatenate([s["sigma"] for s in score])
    reply = {"timeframe": tf, "coins": len(score), "fitted": int(len(Z)), "scored": int(len(zs)),
             "pinball_static": b1, "pinball_ewma": b2, "pinball_har": b3, **judge(zs, q, y, sigma, b2),
             "har_skill_vs_ewma_pct": 100 * (1 - b3 / b2), "seconds": time.time() - start}
    if forecasts is not None:
        reply["mop"] = judge(zs, np.concatenate([s["mop"] for s in score]), y, sigma, b2)
        reply["not_forecast_by_mop"] = unmatched
    print(json.dumps(reply))


if __name__ == "__main__":
    main()
