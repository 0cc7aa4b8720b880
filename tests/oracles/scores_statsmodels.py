#!/usr/bin/python3
"""Writes mop/evaluate/testdata/scores.json: what the usual Python libraries say about small random inputs.

The C++ tests of mop/evaluate/statistics.cc and quantiles.cc read the file and must agree to 1e-9. Run it again
only when a case is added; inputs come from a fixed seed.

Needs Debian's python3-numpy, python3-scipy, python3-sklearn, python3-statsmodels:
  /usr/bin/python3 tests/oracles/scores_statsmodels.py
"""
import json
import pathlib

import numpy as np
import scipy.stats
import sklearn.metrics
import statsmodels.api as sm
from statsmodels.stats.proportion import proportion_confint

OUT = pathlib.Path(__file__).resolve().parents[2] / "mop" / "evaluate" / "testdata" / "scores.json"
rng = np.random.default_rng(20250701)


def rounded(values, digits=6):
    """Inputs are rounded before use, so the file holds exactly what was computed on."""
    return np.round(values, digits)


def diebold_mariano():
    noise = rng.normal(size=80)
    differences = rounded(0.02 + 0.1 * (noise + 0.6 * np.roll(noise, 1)))
    cases = []
    for lag in (0, 1, 7):
        fit = sm.OLS(differences, np.ones(len(differences))).fit(
            cov_type="HAC", cov_kwds={"maxlags": lag, "use_correction": False}, use_t=False
        )
        cases.append({"lag": lag, "p": float(fit.pvalues[0]), "variance_of_mean": float(fit.cov_params()[0, 0])})
    return {"differences": differences.tolist(), "cases": cases}


def wilson():
    cases = []
    for hits, n in ((0, 5), (5, 5), (52, 100), (5231, 10000), (1, 3)):
        lo, hi = proportion_confint(hits, n, alpha=0.05, method="wilson")
        cases.append({"hits": hits, "n": n, "lo": float(lo), "hi": float(hi)})
    return cases


def roc():
    positive = rng.random(60) < 0.3
    scores = rounded(rng.normal(size=60) + positive, 1)  # one decimal: with ties
    return {
        "scores": scores.tolist(),
        "positive": [bool(p) for p in positive],
        "auc": float(sklearn.metrics.roc_auc_score(positive, scores)),
    }


def quantiles():
    values = rounded(rng.standard_t(3, size=41))
    levels = [0.0, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 1.0]
    return {"values": values.tolist(), "levels": levels, "quantiles": np.quantile(values, levels).tolist()}


def least_squares():
    x = rounded(rng.normal(size=(40, 3)) + [0.0, 5.0, -2.0])
    x[:, 2] = rounded(0.9 * x[:, 1] + 0.1 * x[:, 2])  # strongly related columns, as HAR terms are
    y = rounded(x @ [0.5, -1.0, 2.0] + 0.3 * rng.normal(size=40))
    fit = sm.OLS(y, sm.add_constant(x)).fit()
    return {"rows": x.ravel().tolist(), "terms": 3, "target": y.tolist(), "coefficients": fit.params.tolist()}


def pinball():
    levels = [0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975]
    quantile = rounded(np.sort(rng.normal(size=9)))
    cases = []
    for z in (-3.0, float(quantile[2]), 0.1, 4.0):
        losses = [sklearn.metrics.mean_pinball_loss([z], [q], alpha=a) for a, q in zip(levels, quantile)]
        cases.append({"z": z, "loss": float(np.mean(losses))})
    return {"levels": levels, "quantiles": quantile.tolist(), "cases": cases}


def rank_correlation():
    a = rounded(rng.normal(size=25), 1)
    b = rounded(a + rng.normal(size=25), 1)
    return {"a": a.tolist(), "b": b.tolist(), "correlation": float(scipy.stats.spearmanr(a, b)[0])}


document = {
    "diebold_mariano": diebold_mariano(),
    "wilson": wilson(),
    "roc": roc(),
    "quantiles": quantiles(),
    "least_squares": least_squares(),
    "pinball": pinball(),
    "rank_correlation": rank_correlation(),
}
OUT.parent.mkdir(parents=True, exist_ok=True)
OUT.write_text(json.dumps(document, indent=1) + "\n")
print(f"wrote {OUT}")
