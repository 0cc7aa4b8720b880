#!/usr/bin/python3
"""The engine against its rivals: python3 compare.py MOP_BENCH_ENGINE [RIVALS_DIR]; run.sh calls it.

Every side is one process that stays up; they take turns, a short run each, for several rounds, so that a busy or
throttled moment hits all of them. Forecasts, where a stranger on the core's other half shows most, are taken in
shorter turns, and of all sides only the undisturbed ones count: Moments. Prints one JSON line per figure: medians,
ratio = rival / ours (times) or ours / rival (rates), the limit in words and whether it holds. Exit status 1 when one
does not.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROUNDS = 15
STEP_GFLOP = 1.298  # workload.h v1_step_gflop()


class Side:
    def __init__(self, *command):
        one_thread = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=one_thread)
        self.answers = {}

    def run(self, what, count):
        self.process.stdin.write(f"{what} {count}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args}: ended without an answer to {what}")
        samples = json.loads(line)
        self.answers.setdefault(what, []).append(samples)
        return samples

    def samples(self, what):
        return sum(self.answers[what], [])

    def median(self, what):
        return statistics.median(self.samples(what))


def percentile(samples, share):
    return sorted(samples)[int(share * len(samples))]


def figure(name, ours, rival, rival_name, ratio, unit, limit, holds):
    print(json.dumps(dict(name="engine/" + name, ours=round(ours, 3), rival=rival and round(rival, 3),
                          rival_name=rival_name, ratio=ratio and round(ratio, 3), unit=unit, limit=limit,
                          holds=bool(holds))), flush=True)
    return holds


def start_onnx(ours, rivals):
    model = pathlib.Path(rivals) / "v1.onnx"
    subprocess.run([ours, "--onnx", model], check=True)
    return Side("node", str(HERE / "onnx_rival.mjs"), str(rivals), str(model))


def ratio_of_rounds(of, to):
    """Median over rounds: what a core gives changes from one round to the next, within one it mostly stays."""
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in zip(of, to))


def compare_training(mop, torch):
    step = mop.median("train")
    rate = STEP_GFLOP / step * 1e3
    rates = [[STEP_GFLOP / ms * 1e3 for ms in steps] for steps in mop.answers["train"]]

    def against(name, ours, rival, rival_name, ratio, unit, least):
        limit = f"ratio of a round >= {least}" if least else "none, for comparison"
        return figure(name, ours, rival, rival_name, ratio, unit, limit, ratio >= least)

    return [
        against("train_step", step, torch.median("train"), "PyTorch, 1 thread",
                ratio_of_rounds(torch.answers["train"], mop.answers["train"]), "ms", 3),
        against("train_step_rate", rate, mop.median("product_peak"), "a plain FMA kernel on these shapes",
                ratio_of_rounds(rates, mop.answers["product_peak"]), "GFLOP/s", 0.7),
        against("train_step_rate_of_registers", rate, mop.median("register_peak"), "FMAs that read nothing",
                ratio_of_rounds(rates, mop.answers["register_peak"]), "GFLOP/s", 0),
        against("train_step_of_two_threads", mop.median("train_side_by_side"), step, "one thread",
                ratio_of_rounds(mop.answers["train"], mop.answers["train_side_by_side"]), "ms", 0.9),
    ]


class Moments:
    """Forecasts of several sides, in turn on one core, each turn between two looks at what the core gives.

    A look is peak.h's measure_overlap(), a loop that has nothing to do with ours; a stranger on the core's other half
    takes a third of it. A turn counts as undisturbed with 85 % of the run's best overlap (its 97th percentile) before
    and behind. A run without undisturbed turns has a lower best, so its disturbed ones count."""

    def __init__(self, look_with, turns):
        self.look_with, self.turns = look_with, turns  # [(side, forecasts a turn)]
        self.taken = {side: [] for side, _ in turns}   # [(lower one of both overlaps, microseconds of forecasts)]

    def look(self):
        return statistics.median(self.look_with.run("overlap", 5))

    def take(self, times):
        before = self.look()
        for side, count in times * self.turns:
            samples, behind = side.run("forecast", count), self.look()
            self.taken[side].append((min(before, behind), samples))
            before = behind

    def samples(self, side, least=0.0):
        return [us for overlap, samples in self.taken[side] for us in samples if overlap >= least]

    def least(self):
        return 0.85 * percentile([overlap for turns in self.taken.values() for overlap, _ in turns], 0.97)

    def undisturbed(self, side):
        samples = self.samples(side, self.least())
        if not samples:
            sys.exit(f"{side.process.args}: no undisturbed moment, run it again")
        return samples


def compare_forecasts(mop, torch, onnx, moments):
    p50, p50_torch = (statistics.median(moments.undisturbed(side)) for side in (mop, torch))
    everything, everything_torch = moments.samples(mop), moments.samples(torch)
    any50, any50_torch = statistics.median(everything), statistics.median(everything_torch)
    p99, p99_torch = percentile(everything, 0.99), percentile(everything_torch, 0.99)
    share = len(moments.undisturbed(mop)) / len(everything)
    close, close_torch, resident = mop.median("close"), torch.median("close"), mop.median("resident")
    step = mop.median("close_step")
    held = [
        figure("forecast_p50", p50, p50_torch, "PyTorch, 1 thread", p50_torch / p50, "us", "< 120, ratio >= 15",
               p50 < 120 and p50_torch >= 15 * p50),
        figure(f"forecast_p50_at_any_time, {share:.0%} of it undisturbed", any50, any50_torch, "PyTorch, 1 thread",
               any50_torch / any50, "us", "none, for comparison", True),
        figure("forecast_p99_at_any_time", p99, p99_torch, "PyTorch, 1 thread", p99_torch / p99, "us", "< 300",
               p99 < 300),
        figure("forecast_75_models_whole_windows", close, close_torch, "PyTorch, 1 thread", close_torch / close, "ms",
               "none, for comparison", True),
        figure("forecast_75_models_at_a_close", step, close, "the same by whole windows", close / step, "ms", "< 10",
               step < 10),
        figure("forecast_75_models_resident", resident, None, None, None, "MB", "< 200", resident < 200),
    ]
    if onnx:
        p50_onnx = statistics.median(moments.undisturbed(onnx))
        held.append(figure("forecast_p50_onnx", p50, p50_onnx, "ONNX Runtime (node), 1 thread", p50_onnx / p50, "us",
                           "ratio >= 2", p50_onnx >= 2 * p50))
    return held


def main():
    if os.getloadavg()[0] > 0.5:
        print("compare.py: the machine is busy, figures mean little", file=sys.stderr)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # of all sides; threads of our training choose their own
    mop, torch = Side(sys.argv[1]), Side("/usr/bin/python3", str(HERE / "torch_rival.py"))
    onnx = start_onnx(sys.argv[1], sys.argv[2]) if len(sys.argv) > 2 else None
    moments = Moments(mop, [(mop, 50), (torch, 5)] + ([(onnx, 20)] if onnx else []))
    for _ in range(ROUNDS):
        mop.run("train_side_by_side", 10)
        mop.run("product_peak", 10)
        mop.run("train", 10)
        torch.run("train", 6)
        mop.run("register_peak", 5)
        moments.take(10)
        mop.run("close", 10)
        mop.run("close_step", 10)
        torch.run("close", 1)
    mop.run("resident", 1)
    sys.exit(0 if all(compare_training(mop, torch) + compare_forecasts(mop, torch, onnx, moments)) else 1)


if __name__ == "__main__":
    main()
