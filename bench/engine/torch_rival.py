#!/usr/bin/python3
"""PyTorch's side of compare.py: the same network, the same step, one thread.

Reads lines "<what> <count>", answers each with a JSON array of that many samples. Debian: python3-torch with
libopenblas0-pthread; run with OMP_NUM_THREADS=1.
"""
import json
import sys
import time

import torch

INPUTS, HIDDEN, LAYERS, STEPS, BATCH, OUTPUTS = 42, 64, 2, 60, 64, 11


class Net(torch.nn.Module):
    def __init__(self, branches=1):
        super().__init__()
        self.lstms = torch.nn.ModuleList(torch.nn.LSTM(INPUTS, HIDDEN, LAYERS, dropout=0.3) for _ in range(branches))
        self.head = torch.nn.Linear(HIDDEN * branches, OUTPUTS * branches)

    def forward(self, x):
        return self.head(torch.cat([lstm(x)[0][-1] for lstm in self.lstms], dim=-1))


def time_each(count, clock, scale, work):
    work()
    samples = []
    for _ in range(count):
        start = clock()
        work()
        samples.append((clock() - start) * scale)
    return samples


def train(count):
    """Milliseconds of CPU time per training step."""
    net = Net().train()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.005)
    x, target = torch.randn(STEPS, BATCH, INPUTS), torch.zeros(BATCH, OUTPUTS)

    def step():
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(net(x), target).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()

    return time_each(count, time.process_time, 1e3, step)


def forecast(count):
    """Wall-clock microseconds of one forecast."""
    net, x = Net().eval(), torch.randn(STEPS, 1, INPUTS)
    with torch.inference_mode():
        return time_each(count, time.perf_counter, 1e6, lambda: net(x))


def close(count):
    """CPU milliseconds of 75 forecasts: 25 models of 15m, 25 of 1h, 25 that read both."""
    nets, x = [Net(1 + i // 50).eval() for i in range(75)], torch.randn(STEPS, 1, INPUTS)
    with torch.inference_mode():
        return time_each(count, time.process_time, 1e3, lambda: [net(x) for net in nets])


def main():
    torch.set_num_threads(1)
    for line in sys.stdin:
        what, count = line.split()
        print(json.dumps({"train": train, "forecast": forecast, "close": close}[what](int(count))), flush=True)


if __name__ == "__main__":
    main()
