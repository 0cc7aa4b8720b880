#!/usr/bin/python3
"""The whole fleet of the original description, 75 models of 1000 candles, on two threads: python3 fleet.py MOP.

Candles come from MOP's own exchange. The default mode is run to its end. Of the exact `window` mode two runs of a
few epochs are timed and drawn out to 150; `fleet.py MOP full` runs all 150 instead (half an hour). Prints one JSON
line per figure; exit status 1 when a limit does not hold.
"""
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import v1_candles  # noqa: E402

MOP = sys.argv[1]
THREADS = "2"


def train(work, *options):
    """(wall seconds, CPU seconds, models trained) of a `mop train`."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run = subprocess.run([MOP, "train", "--threads", THREADS, "--json", *options], cwd=work, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL)
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    trained = [model["status"] for model in json.loads(run.stdout)["models"]].count("trained")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, trained


def figure(name, run, limit):
    wall, cpu, trained = run
    holds = wall < limit and trained == 75
    print(json.dumps(dict(name=f"engine/{name}", ours=round(wall, 2), rival=None,
                          rival_name=f"{cpu:.1f} s of CPU, {trained} of 75 models were stored", ratio=None, unit="s",
                          limit=f"< {limit}, all stored", holds=holds)), flush=True)
    return holds


def main():
    with tempfile.TemporaryDirectory() as work:
        v1_candles.fetch(MOP, work)
        held = figure("fleet_default", train(work), 180)
        if sys.argv[2:] == ["full"]:
            held &= figure("fleet_v1_window_150_epochs", train(work, "--profile", "v1"), 1800)
        else:
            one, three = (train(work, "--profile", "v1", "--epochs", epochs) for epochs in ("1", "3"))
            drawn_out = [a + 149 * (b - a) / 2 for a, b in zip(one[:2], three[:2])] + [three[2]]
            held &= figure("fleet_v1_window_150_epochs (drawn out from 1 and 3)", drawn_out, 1800)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
