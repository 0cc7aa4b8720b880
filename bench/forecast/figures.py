#!/usr/bin/python3
"""What rival_trees.py printed, as the benchmarks' JSON lines: python3 figures.py <REPLY.json.

Exit status 1 when MOP's pinball skill against EWMA is below the trees'. The other figures have no limit here.
"""
import json
import sys


def main():
    trees = json.load(sys.stdin)
    mop, where = trees["mop"], f"{trees['scored']:,} forecasts of {trees['coins']} coins, {trees['timeframe']}"
    holds = mop["skill_vs_ewma_pct"] >= trees["skill_vs_ewma_pct"]

    def line(name, key, scale, unit, limit=None, holds=None):
        ours, rival = (round(scale * side[key], 5) for side in (mop, trees))
        print(json.dumps(dict(name=f"forecast/{name}, {where}", ours=ours, rival=rival,
                              rival_name="scikit-learn boosted trees", ratio=round(ours / rival, 3), unit=unit,
                              limit=limit, holds=holds)))

    line("pinball skill vs EWMA", "skill_vs_ewma_pct", 1, "%", ">= the trees'", holds)
    line("inside the 90 % interval", "coverage90", 100, "%")
    line("direction right", "direction", 100, "%")
    line("MAE over persistence's", "mae_ratio", 1, "1")
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
