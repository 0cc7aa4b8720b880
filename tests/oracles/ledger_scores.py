#!/usr/bin/python3
"""Scores an exported ledger anew with pandas: `mop ledger export --out L.csv`, `mop ledger score --json > S.json`.

Usage: ledger_scores.py L.csv S.json; exit status 1 and the first figure that differs by more than 1e-9 otherwise 0.
"""
import json
import sys

import numpy as np
import pandas as pd

every = pd.read_csv(sys.argv[1])
t = every[every.outcome_close.notna()].reset_index(drop=True)
names = [c[2:] for c in t.columns if c.startswith("q_")]
level = np.array(names, float)
z = np.log(t.outcome_close / t.close) / (t.sigma * np.sqrt(t.step))
loss = {}
for of, column in (("q", "pinball"), ("static", "pinball_static"), ("ewma", "pinball_ewma"), ("har", "pinball_har")):
    error = z.to_numpy()[:, None] - t[[f"{of}_{n}" for n in names]].to_numpy()
    loss[column] = np.maximum(level * error, (level - 1) * error).mean(axis=1)
    assert np.abs(loss[column] - t[column]).max() < 1e-9, column
new = pd.DataFrame(loss).join(t[["symbol", "timeframe", "step"]])
for share, lo, hi in ((50, 0.25, 0.75), (80, 0.1, 0.9), (90, 0.05, 0.95), (95, 0.025, 0.975)):
    new[f"in{share}"] = (t[f"q_{lo}"] <= z) & (z <= t[f"q_{hi}"])
    assert (new[f"in{share}"] == t[f"in{share}"]).all(), share
assert np.abs((np.log(t.outcome_close / t.close).abs() - t.abs_move).max()) < 1e-9, "abs_move"
assert np.abs(((z - t["q_0.5"]).abs() * t.sigma * np.sqrt(t.step) - t.abs_error).max()) < 1e-9, "abs_error"
move = t.outcome_close - t.close
new["direction"] = ((t.p_up > 0.5) == (move > 0)).where(move.abs() > (2 + 1e-6) * t.tick_size).astype(float)
assert np.allclose(new.direction, t.direction, equal_nan=True), "direction"
spread = np.log(np.log(t.outcome_high / t.outcome_low).where(lambda r: r > 0) / t.log_range)  # none without a range
assert np.allclose(spread, t.log_range_error, rtol=0, atol=1e-9, equal_nan=True), "log_range_error"
for s in json.load(open(sys.argv[2]))["series"]:
    one = (new.symbol == s["symbol"]) & (new.timeframe == s["timeframe"]) & (new.step == 1)
    mine = new[one].mean(numeric_only=True)
    figures = {c: mine[c] for c in loss} | {"direction_accuracy": mine.direction}
    figures |= {f"skill_vs_{b}_pct": 100 * (1 - mine.pinball / mine[f"pinball_{b}"]) for b in ("static", "ewma", "har")}
    figures |= {int(k): mine[f"in{k}"] for k in s["coverage"]}
    for name, figure in figures.items():
        theirs = s["coverage"][str(name)] if isinstance(name, int) else s[name]
        assert abs(figure - theirs) < 1e-9, (s["symbol"], s["timeframe"], name, figure, theirs)
print(f"{len(t)} of {len(every)} steps scored alike")
