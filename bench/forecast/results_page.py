#!/usr/bin/python3
"""docs/results.md from what `mop evaluate --json` said: python3 results_page.py evaluate.json [seeds.json ...] >docs/results.md

The first document is the whole fleet's, the others are walk-forwards over several seeds (`--folds 1 --seeds 5`).
"""
import json
import statistics
import sys

HEAD = """# Results on real candles

Fitted before {split}, scored on candles from then until {end}, one step ahead unless said. Skill is of the pinball loss
over nine quantiles, in percent of the baseline's. Written by `bench/forecast/results_page.py` from

    mop import --from <candles of 25 coins>
    mop train --until {split}
    mop evaluate --split {split} --end {end} --json

Coins that ended before the scored block, or have no candles there, are left out: {coins_15m} remain at 15m,
{coins_1h} at 1h.
"""


def day(ms):
    import datetime
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).strftime("%Y-%m-%d")


def name(kind, timeframe):
    return f"{timeframe}" + (" by the unified model" if kind == "unified" else "")


def pooled_table(document):
    print("\n## All coins together\n")
    print("| | forecasts | vs static | vs EWMA [95 %] | vs HAR [95 %] | DM p | direction [95 %] | MAE ratio | "
          "log-range R2 (HAR's) | spike AUC |\n|---|---|---|---|---|---|---|---|---|---|")
    for timeframe, s in document["pooled"].items():
        skill = [f"{s[f'skill_vs_{b}_pct']:+.2f} [{s[f'skill_vs_{b}_ci95_pct'][0]:.2f}, "
                 f"{s[f'skill_vs_{b}_ci95_pct'][1]:.2f}]" for b in ("ewma", "har")]
        print(f"| {name(s['kind'], timeframe)} | {s['n']:,} | {s['skill_vs_static_pct']:+.2f} | {skill[0]} | {skill[1]} | "
              f"{s['dm_p_vs_ewma']:.0e}, {s['dm_p_vs_har']:.0e} | {100 * s['direction_accuracy']:.2f} % "
              f"[{100 * s['direction_ci95'][0]:.1f}, {100 * s['direction_ci95'][1]:.1f}] | {s['mae_ratio']:.5f} | "
              f"{s['log_range_r2']:.3f} ({s['log_range_r2_har']:.3f}) | {s['spike_auc']:.3f} |")


TREES = """
## Beside boosted trees

`bench/forecast/run.sh 1h` fits scikit-learn's histogram gradient boosting, one per quantile, to the same rows and targets
(478,896 rows fitted, 53,136 scored): the trees' skill against EWMA is 2.72 %, MOP's 1h models' 2.28 %; inside the 90 %
interval 88.7 % against 89.8 %; direction 53.8 % against 51.4 %. With 271,000 rows the trees reached 2.14 %. So trees of the
last candle's features forecast an hour better than the 1h models; the unified models, which read 15m candles as well,
reach +2.8 % and more (last table).
"""


def coin_tables(document):
    for kind, timeframe in (("15m", "15m"), ("1h", "1h"), ("unified", "15m"), ("unified", "1h")):
        rows = [s for s in document["series"] if (s["kind"], s["timeframe"]) == (kind, timeframe)]
        print(f"\n## {name(kind, timeframe)}, coin by coin\n")
        print("Cover: share inside the 90 % interval at steps 1, 4 and 7, and in the wildest tenth of candles.\n")
        print("| coin | forecasts | vs static | vs EWMA | vs HAR | cover | in the wildest tenth | direction | MAE ratio |"
              "\n|---|---|---|---|---|---|---|---|---|")
        for s in rows:
            cover, wild = (", ".join(f"{100 * s['steps'][step][key]:.1f}" for step in (0, 3, 6))
                           for key in ("coverage_90", "coverage_90_top_vol_decile"))
            print(f"| {s['symbol'][:-4]} | {s['n']:,} | {s['skill_vs_static_pct']:+.2f} | {s['skill_vs_ewma_pct']:+.2f} | "
                  f"{s['skill_vs_har_pct']:+.2f} | {cover} | {wild} | {100 * s['direction_accuracy']:.1f} % | "
                  f"{s['mae_ratio']:.4f} |")


def seeds_table(documents):
    print("\n## Over seeds\n\n    mop evaluate --folds 1 --seeds 5 --split 2025-07-01 --end 2025-11-01 --kinds 1h --json"
          "    # and --kinds 15m\n\nMean and standard deviation over trainings that differ in their seed alone.\n")
    print("| | seeds | vs EWMA | vs HAR | direction | MAE ratio | log-range R2 | spike AUC |\n|---|---|---|---|---|---|---|---|")
    for document in documents:
        for timeframe in document["seeds"][0]["pooled"]:
            scores = [seed["pooled"][timeframe] for seed in document["seeds"]]

            def spread(key, digits, scale=1):
                values = [scale * s[key] for s in scores]
                return f"{statistics.mean(values):.{digits}f} ± {statistics.stdev(values):.{digits}f}"

            print(f"| {timeframe} | {len(scores)} | {spread('skill_vs_ewma_pct', 2)} | {spread('skill_vs_har_pct', 2)} | "
                  f"{spread('direction_accuracy', 2, 100)} % | {spread('mae_ratio', 5)} | {spread('log_range_r2', 3)} | "
                  f"{spread('spike_auc', 3)} |")


def main():
    documents = [json.load(open(path)) for path in sys.argv[1:]]
    fleet, seeds = documents[0], documents[1:]
    coins = {t: sum(s["kind"] == t for s in fleet["series"]) for t in ("15m", "1h")}
    protocol = fleet["protocol"]
    print(HEAD.format(split=day(protocol["score_from"]), end=day(protocol["score_until"] + 86_399_999), coins_15m=coins["15m"],
                      coins_1h=coins["1h"]), end="")
    pooled_table(fleet)
    if seeds:
        seeds_table(seeds)
    print(TREES, end="")
    coin_tables(fleet)


if __name__ == "__main__":
    main()
