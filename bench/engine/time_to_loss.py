#!/usr/bin/python3
"""How soon PyTorch's best validation loss is reached: python3 time_to_loss.py MOP MOP_BENCH_TIME_TO_LOSS CANDLES.

Six series of real candles, the newest 1000 of each; both sides train the original description's network at its rate,
PyTorch by windows in two processes of one thread, MOP in sequence mode on two threads. Which of two trainings gets
lower is mostly luck: the validation part is some 90 rows, and another seed moves the best loss by 5 %. So both train
from several seeds; the loss to be reached is the median of PyTorch's best ones, and the time is what the field calls
the expected running time: all the time spent, in vain or until it was reached, over how often it was reached. Prints
one JSON line: the time for the three series of the slower of two processes, and MOP's for the same three; details go
to stderr.
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
EPOCHS = 15  # of 150: the best one comes within these, later ones over-fit
SEEDS, OUR_SEEDS = 5, 10


def train_torch(files, seed):
    """{series: epochs}; two processes share the files."""
    one_thread = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    halves = [files[0::2], files[1::2]]
    running = [subprocess.Popen(["/usr/bin/python3", str(HERE / "torch_v1.py"), str(seed), str(EPOCHS), *half],
                                stdout=subprocess.PIPE, text=True, env=one_thread) for half in halves]
    answers = [process.communicate()[0].splitlines() for process in running]
    return {file.stem: json.loads(line)
            for half, lines in zip(halves, answers, strict=True) for file, line in zip(half, lines, strict=True)}


def expected_time(trainings, loss):
    """(seconds, how many of the trainings reached the loss); None seconds when none did."""
    soonest = [next((seconds for seconds, at in epochs if at <= loss), None) for epochs in trainings]
    reached = sum(seconds is not None for seconds in soonest)
    spent = sum(epochs[-1][0] if seconds is None else seconds
                for epochs, seconds in zip(trainings, soonest, strict=True))
    return (spent / reached if reached else None), reached


def main():
    mop, bench, candles = sys.argv[1:]
    with tempfile.TemporaryDirectory() as work:
        data, prepared = f"{work}/raw", f"{work}/prepared"
        subprocess.run([mop, "import", "--from", candles, "--symbols", "BTCUSDT,ETHUSDT,SOLUSDT", "--data-dir", data,
                        "--quiet"], check=True, stdout=sys.stderr, cwd=work)
        subprocess.run([bench, "prepare", data, prepared], check=True)
        files = sorted(pathlib.Path(prepared).iterdir())
        torch = [train_torch(files, seed) for seed in range(1, SEEDS + 1)]
        ours = json.loads(subprocess.run([bench, "train", data, "2", str(OUR_SEEDS), str(EPOCHS)], check=True,
                                         capture_output=True, text=True).stdout)
    names = [file.stem for file in files]
    halves, all_reached = [[0.0, 0.0], [0.0, 0.0]], 0  # seconds of PyTorch and of MOP, per process
    for i, name in enumerate(names):
        rival = [run[name] for run in torch]
        loss = statistics.median(min(at for _, at in epochs) for epochs in rival)
        torch_s, torch_reached = expected_time(rival, loss)
        ours_s, reached = expected_time(ours[name], loss)
        print(f"{name}: {loss:.5f}; PyTorch {torch_s:.2f} s, {torch_reached} of {SEEDS} reached it; "
              f"MOP {f'{ours_s:.3f} s' if ours_s else 'never'}, {reached} of {OUR_SEEDS}", file=sys.stderr)
        halves[i % 2][0] += torch_s
        halves[i % 2][1] += ours_s or float("inf")
        all_reached += reached > 0
    torch_s, ours_s = max(halves)
    holds = all_reached == len(names) and torch_s >= 20 * ours_s
    print(json.dumps(dict(name=f"engine/time_to_v1_loss ({all_reached} of {len(names)} reached)", ours=round(ours_s, 3),
                          rival=round(torch_s, 3), rival_name=f"PyTorch, 2 processes, {EPOCHS} epochs",
                          ratio=round(torch_s / ours_s, 2), unit="s", limit="6 reached, ratio >= 20", holds=holds)))
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
