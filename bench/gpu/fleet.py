#!/usr/bin/env python3
"""MOP's fleet on a GPU against PyTorch's: python3 fleet.py MOP [CANDLES]. One JSON line per figure, then the profiler's.

The original description's fleet, 75 models of 1000 candles for 150 epochs, on candles of MOP's own exchange; with
CANDLES (a folder of CSV files, 25 coins) the default fleet over their whole history as well, and two seeds of its 1h
models on the CPU, which show how much seeds differ. Exit status 1 when a limit does not hold.
"""
import csv
import io
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MOP, HERE = sys.argv[1], pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import v1_candles  # noqa: E402

CANDLES = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
UNTIL = "2025-07-01"
STEP_FLOP, BATCH = 1.298e9, 64  # docs/engine.md; a model of both timeframes does it twice

held = True


def figure(name, ours, unit, limit, holds, rival=None, rival_name=None):
    global held
    held &= holds
    ratio = None if rival is None else round(rival / ours, 2)
    print(json.dumps(dict(name=f"gpu/{name}", ours=round(ours, 4), rival=rival and round(rival, 4), rival_name=rival_name,
                          ratio=ratio, unit=unit, limit=limit, holds=holds)), flush=True)


def train(work, *options):
    """(the JSON reply, wall seconds, seconds on the GPU)."""
    start = time.monotonic()
    run = subprocess.run([MOP, "train", "--json", *options], cwd=work, stdout=subprocess.PIPE)
    wall = time.monotonic() - start
    log = (work / "logs" / "training.log").read_text()
    on_gpu = re.findall(r": ([0-9.]+) s for [0-9]+ networks", log)
    return json.loads(run.stdout), wall, float(on_gpu[-1]) if on_gpu else None


def trained(reply):
    return [m["status"] for m in reply["models"]].count("trained")


def torch(what):
    run = subprocess.run([sys.executable, str(HERE / "torch_fleet.py"), what], stdout=subprocess.PIPE)
    return json.loads(run.stdout) if run.returncode == 0 else None


def v1_fleet(work):
    options = ["--profile", "v1", "--device", "cuda"]
    reply, wall, seconds = train(work, *options)
    whole = trained(reply) == 75
    steps = {m["id"]: m["epochs"] * -(-m["samples"] // BATCH) for m in reply["models"]}
    flop = STEP_FLOP * sum(n * (2 if id.endswith("unified") else 1) for id, n in steps.items())
    steps = sum(steps.values())
    figure("v1_fleet", seconds, "s", "< 10, 75 of 75 stored", seconds < 10 and whole)
    figure("v1_fleet_with_preparation_and_scoring", wall, "s", None, whole)
    figure("v1_fleet_rate", flop / seconds / 1e12, "TFLOP/s", None, True)
    alone, together = torch("cudnn"), torch("ensemble")
    if alone:
        rival = alone * steps  # the second LSTM of a model of both timeframes is given to PyTorch
        figure("v1_fleet_vs_cudnn", seconds, "s", ">= 40x", rival >= 40 * seconds, rival,
               f"PyTorch, nn.LSTM: {alone * 1e3:.2f} ms a step, times {steps} steps of 75 models")
    if together:
        rival = together * steps / 75
        figure("v1_fleet_vs_stacked", seconds, "s", "> 1x", rival > seconds, rival,
               f"PyTorch, 75 models of one timeframe as one CUDA graph: {together * 1e3:.2f} ms a step of all")


def default_fleet(work):
    subprocess.run([MOP, "import", "--from", str(CANDLES), "--quiet"], cwd=work, check=True, stdout=subprocess.DEVNULL)
    options = ["--until", UNTIL]
    reply, wall, seconds = train(work, "--device", "cuda", *options)
    figure("default_fleet", wall, "s", "< 60, all stored", wall < 60 and trained(reply) == len(reply["models"]))
    figure("default_fleet_on_gpu", seconds, "s", None, True)
    losses = {}
    for device in "cpu", "cuda":
        for seed in "1", "2":
            shutil.rmtree(work / "models", ignore_errors=True)
            reply, _, _ = train(work, "--device", device, "--kinds", "1h", "--seed", seed, *options)
            losses.setdefault(device, []).append(
                statistics.mean(m["best_val_loss"] for m in reply["models"] if m["best_val_loss"]))
    difference = abs(statistics.mean(losses["cuda"]) - statistics.mean(losses["cpu"])) / statistics.mean(losses["cpu"])
    # A network's loss moves by some 0.1 % with its seed; these are means of two seeds of four networks each.
    figure("default_1h_loss_vs_cpu", 100 * difference, "%", "< 0.1, which is what another seed changes", difference < 1e-3,
           100 * abs(losses["cpu"][0] - losses["cpu"][1]) / losses["cpu"][0], "two seeds on the CPU")


def profile(work):
    """Each kernel of one step of the V1 fleet, the second, which all networks have, as ncu sees it."""
    ncu = shutil.which("ncu")
    if not ncu:
        print("no profiler (ncu) here", file=sys.stderr)
        return
    shutil.rmtree(work / "models", ignore_errors=True)
    sections = ["SpeedOfLight", "Occupancy", "MemoryWorkloadAnalysis", "LaunchStats"]
    run = subprocess.run([ncu, "--clock-control", "none", "--csv", "--page", "details", "--launch-skip", "11",
                          "--launch-count", "7", *(a for s in sections for a in ("--section", s)), MOP, "train",
                          "--profile", "v1", "--device", "cuda", "--epochs", "2", "--quiet"],
                         cwd=work, stdout=subprocess.PIPE, text=True)
    lines = run.stdout.splitlines()
    start = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
    if start is None:
        print(run.stdout[-2000:], file=sys.stderr)
        return
    wanted = ["Duration", "Compute (SM) Throughput", "DRAM Throughput", "Memory Throughput", "Achieved Occupancy",
              "L1/TEX Cache Throughput", "Registers Per Thread", "Grid Size", "Elapsed Cycles"]
    kernels = {}
    for row in csv.DictReader(io.StringIO("\n".join(lines[start:]))):
        if row["Metric Name"] in wanted:
            name = re.sub(r".*<(?:.*::)?([A-Za-z]+)>.*", r"\1", row["Kernel Name"])
            kernels.setdefault((row["ID"], name), {})[f"{row['Metric Name']} {row['Metric Unit']}"] = row["Metric Value"]
    for (_, name), metrics in kernels.items():
        print(json.dumps(dict(kernel=name, **metrics)), flush=True)


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        v1_candles.fetch(MOP, work)
        v1_fleet(work)
        profile(work)
    if CANDLES:
        with tempfile.TemporaryDirectory() as folder:
            default_fleet(pathlib.Path(folder))
    else:
        print("gpu/default_fleet: skipped, it needs real candles: fleet.py MOP CANDLES", file=sys.stderr)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
