#!/usr/bin/python3
"""PyTorch's side of time_to_loss.py: the original description's training of prepared series, one after the other.

    torch_v1.py SEED EPOCHS FILE...    one JSON line per file: [[seconds since the start, validation loss], ...]

Everything MOP prepares (scaled inputs, targets, starting weights) comes from the file and costs PyTorch nothing.
"""
import json
import pathlib
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "oracles"))
from torch_lstm import load_safetensors  # noqa: E402

HIDDEN, LAYERS, DROPOUT, LOOKBACK, BATCH, RATE, CLIP, RANGE_WEIGHT = 64, 2, 0.3, 60, 64, 0.005, 1.0, 0.1


class Net(torch.nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.lstm = torch.nn.LSTM(inputs, HIDDEN, LAYERS, dropout=DROPOUT)
        self.head = torch.nn.Linear(HIDDEN, outputs)

    def forward(self, x):
        return self.head(self.lstm(x)[0][-1])


def quantiles(raw, base, median):
    """mop/nn/quantile_head.h, one step ahead."""
    squash = lambda v: 4 * torch.tanh(v / 4)
    gaps = (base[1:] - base[:-1]) * torch.exp(squash(raw[:, 2:])) * torch.exp(squash(raw[:, 1:2]))
    middle = base[median] + raw[:, :1]
    up = middle + torch.cumsum(gaps[:, median:], 1)
    down = middle - torch.flip(torch.cumsum(torch.flip(gaps[:, :median], [1]), 1), [1])
    return torch.cat([down, middle, up], 1)


class Training:
    def __init__(self, path):
        self.t, _ = load_safetensors(path)
        self.levels, self.base = self.t["levels"], self.t["base"]
        self.median = int((self.levels - 0.5).abs().argmin())
        self.net = Net(self.t["x"].shape[1], len(self.levels) + 2)
        self.net.load_state_dict({name: self.t[name] for name in self.net.state_dict()})
        self.adam = torch.optim.Adam(self.net.parameters(), lr=RATE)

    def part(self, name, order=None):
        rows, z, u = (self.t[f"{name}.{what}"] for what in ("row", "z", "range"))
        return (rows.long(), z, u) if order is None else (rows[order].long(), z[order], u[order])

    def windows(self, rows):
        return self.t["x"][rows[None, :] + torch.arange(1 - LOOKBACK, 1)[:, None]]

    def loss(self, rows, z, u):
        """(mean pinball, mean squared error of the log-range)."""
        y = self.net(self.windows(rows))
        q = quantiles(y[:, :-1], self.base, self.median)
        slope = self.levels - (z[:, None] < q).to(q.dtype)
        known = ~torch.isnan(u)
        return (slope * (z[:, None] - q)).mean(), torch.where(known, y[:, -1] - torch.nan_to_num(u), 0.0).square().mean()

    def epoch(self):
        self.net.train()
        rows, z, u = self.part("fit", torch.randperm(len(self.t["fit.row"])))
        for at in range(0, len(rows), BATCH):
            self.adam.zero_grad()
            pinball, error = self.loss(rows[at:at + BATCH], z[at:at + BATCH], u[at:at + BATCH])
            (pinball + 0.5 * RANGE_WEIGHT * error).backward()
            torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
            self.adam.step()

    def validation_loss(self):
        self.net.eval()
        with torch.inference_mode():
            return self.loss(*self.part("validation"))[0].item()


def main():
    torch.set_num_threads(1)
    torch.manual_seed(int(sys.argv[1]))
    trainings = [Training(path) for path in sys.argv[3:]]
    for training in trainings:
        start, epochs = time.perf_counter(), [[0.0, training.validation_loss()]]
        for _ in range(int(sys.argv[2])):
            training.epoch()
            epochs.append([time.perf_counter() - start, training.validation_loss()])
        print(json.dumps(epochs), flush=True)


if __name__ == "__main__":
    main()
