#!/usr/bin/python3
"""The engine against its rivals: python3 compare.py MOP_BENCH_ENGINE [RIVALS_DIR]; run.sh calls it.

Every side is one process that stays up; they take turns, a short run each, for several rounds, so that a busy or
throttled moment hits all of them. The one limit in microseconds, of a forecast, is of moments in which nobody else
used the core's other half: undisturbed_forecasts(). Prints one JSON line per figure: medians, ratio = rival / ours (times) or
ours / rival (rates), the limit in words and whether it holds. Exit status 1 when one does not.
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
FORECASTS_A_WATCH = 20  # bench_main.cc watched_forecasts()


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
        self.answers.setdefault(what, []).append(json.loads(line))

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


def compare_training(mop, torch):
    step, step_torch = mop.median("train"), torch.median("train")
    rate = STEP_GFLOP / step * 1e3
    product, register = mop.median("product_peak"), mop.median("register_peak")
    # One after the other and side by side within a round: what a core gives changes from one round to the next.
    beside = statistics.median(statistics.median(alone) / statistics.median(both) for alone, both in
                               zip(mop.answers["train"], mop.answers["train_side_by_side"]))
    return [
        figure("train_step", step, step_torch, "PyTorch, 1 thread", step_torch / step, "ms", "ratio >= 3",
               step_torch >= 3 * step),
        figure("train_step_rate", rate, product, "a plain FMA kernel on these shapes", rate / product, "GFLOP/s",
               "ratio >= 0.70", rate >= 0.7 * product),
        figure("train_step_rate_of_registers", rate, register, "FMAs that read nothing", rate / register, "GFLOP/s",
               "none, for comparison", True),
        figure("train_step_of_two_threads", mop.median("train_side_by_side"), step, "one thread", beside, "ms",
               "ratio of a round >= 0.9", beside >= 0.9),
    ]


def split_watches(answers):
    """[(overlap before, forecasts, overlap behind)] of what watched_forecasts() answered, one answer a round."""
    watches, stride = [], FORECASTS_A_WATCH + 1
    for samples in answers:
        for at in range(0, len(samples) - 1, stride):
            watches.append((samples[at], samples[at + 1:at + stride], samples[at + stride]))
    return watches


def undisturbed_forecasts(watches):
    """(forecasts of undisturbed moments, their share of all): a stranger on the core's other half takes a third of what
    peak.h's measure_overlap() finds, a loop that has nothing to do with ours. Undisturbed is what has it within a tenth of
    the run's best (its 90th percentile) before and behind; a run without such moments has a lower best and counts all."""
    least = 0.9 * percentile([overlap for before, _, behind in watches for overlap in (before, behind)], 0.9)
    good = [forecasts for before, forecasts, behind in watches if min(before, behind) >= least]
    return sum(good, []), len(good) / len(watches)


def compare_forecasts(mop, torch, onnx):
    watches = split_watches(mop.answers["watched_forecasts"])
    all_of_ours = sum((forecasts for _, forecasts, _ in watches), [])
    p50, p99 = statistics.median(all_of_ours), percentile(all_of_ours, 0.99)
    p50_torch, p99_torch = torch.median("forecast"), percentile(torch.samples("forecast"), 0.99)
    undisturbed, share = undisturbed_forecasts(watches)
    p50_undisturbed = statistics.median(undisturbed)
    close, close_torch, resident = mop.median("close"), torch.median("close"), mop.median("resident")
    step = mop.median("close_step")
    held = [
        figure("forecast_p50_undisturbed", p50_undisturbed, None, f"{share:.0%} of the moments", None, "us", "< 120",
               p50_undisturbed < 120),
        figure("forecast_p50", p50, p50_torch, "PyTorch, 1 thread", p50_torch / p50, "us", "ratio >= 15",
               p50_torch >= 15 * p50),
        figure("forecast_p99", p99, p99_torch, "PyTorch, 1 thread", p99_torch / p99, "us", "< 300", p99 < 300),
        figure("forecast_75_models_whole_windows", close, close_torch, "PyTorch, 1 thread", close_torch / close, "ms",
               "none, for comparison", True),
        figure("forecast_75_models_at_a_close", step, close, "the same by whole windows", close / step, "ms", "< 10",
               step < 10),
        figure("forecast_75_models_resident", resident, None, None, None, "MB", "< 200", resident < 200),
    ]
    if onnx:
        p50_onnx = onnx.median("forecast")
        held.append(figure("forecast_p50_onnx", p50, p50_onnx, "ONNX Runtime (node), 1 thread", p50_onnx / p50, "us",
                           "ratio >= 2", p50_onnx >= 2 * p50))
    return held


def main():
    if os.getloadavg()[0] > 0.5:
        print("compare.py: the machine is busy, wall-clock figures of forecasts mean little", file=sys.stderr)
    mop, torch = Side(sys.argv[1]), Side("/usr/bin/python3", str(HERE / "torch_rival.py"))
    onnx = start_onnx(sys.argv[1], sys.argv[2]) if len(sys.argv) > 2 else None
    for _ in range(ROUNDS):
        mop.run("product_peak", 10)
        mop.run("train", 10)
        mop.run("train_side_by_side", 10)
        mop.run("register_peak", 5)
        torch.run("train", 6)
        mop.run("watched_forecasts", 25)
        torch.run("forecast", 50)
        if onnx:
            onnx.run("forecast", 200)
        mop.run("close", 10)
        mop.run("close_step", 10)
        torch.run("close", 1)
    mop.run("resident", 1)
    sys.exit(0 if all(compare_training(mop, torch) + compare_forecasts(mop, torch, onnx)) else 1)


if __name__ == "__main__":
    main()
