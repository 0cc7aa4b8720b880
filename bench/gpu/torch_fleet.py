#!/usr/bin/env python3
"""PyTorch's side of fleet.py: the original description's training on a GPU. Needs a PyTorch with CUDA.

    torch_fleet.py cudnn      one model after the other with nn.LSTM: seconds per training step
    torch_fleet.py ensemble   75 models at once, their weights stacked and multiplied by baddbmm, the whole step as
                              one CUDA graph: seconds per step of all
    torch_fleet.py check      the stacked cells against nn.LSTM, on the CPU

Prints one JSON number. Data lies on the GPU beforehand and batches are cut there, which costs PyTorch nothing here.
"""
import json
import sys
import time

import torch

MODELS, INPUTS, HIDDEN, LAYERS, STEPS, BATCH, LEVELS = 75, 42, 64, 2, 60, 64, 9
DROPOUT, RATE, CLIP, RANGE_WEIGHT = 0.3, 0.005, 1.0, 0.1
OUTPUTS = LEVELS + 2


def loss_of(y, z, u, levels, base):
    """mop/nn/quantile_head.h one step ahead, and the log-range; y (..., OUTPUTS)."""
    squash = lambda v: 4 * torch.tanh(v / 4)
    median = LEVELS // 2
    gaps = (base[1:] - base[:-1]) * torch.exp(squash(y[..., 2:LEVELS + 1])) * torch.exp(squash(y[..., 1:2]))
    middle = base[median] + y[..., :1]
    up = middle + torch.cumsum(gaps[..., median:], -1)
    down = middle - torch.flip(torch.cumsum(torch.flip(gaps[..., :median], [-1]), -1), [-1])
    q = torch.cat([down, middle, up], -1)
    slope = levels - (z[..., None] < q).to(q.dtype)
    return (slope * (z[..., None] - q)).mean((-2, -1)) + 0.5 * RANGE_WEIGHT * (y[..., -1] - u).square().mean(-1)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(INPUTS, HIDDEN, LAYERS, dropout=DROPOUT)
        self.head = torch.nn.Linear(HIDDEN, OUTPUTS)

    def forward(self, x):
        return self.head(self.lstm(x)[0][-1])


def cell_step(z, c):
    i, f, g, o = z.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def stacked_layer(x, w_ih, w_hh, bias):
    """x (M, T, B, I) -> (M, T, B, H): the input products of all steps at once, then step by step."""
    models, steps, batch, _ = x.shape
    z = torch.baddbmm(bias[:, None], x.reshape(models, steps * batch, -1), w_ih.transpose(1, 2))
    z = z.view(models, steps, batch, -1)
    h = c = x.new_zeros(models, batch, w_hh.shape[2])
    w, out = w_hh.transpose(1, 2), []
    for t in range(steps):
        h, c = cell_step(torch.baddbmm(z[:, t], h, w), c)
        out.append(h)
    return torch.stack(out, 1)


class Ensemble:
    def __init__(self, models, device):
        def weights(*shape):
            return ((torch.rand(models, *shape, device=device) * 2 - 1) / HIDDEN ** 0.5).requires_grad_()

        self.layers = [(weights(4 * HIDDEN, INPUTS if l == 0 else HIDDEN), weights(4 * HIDDEN, HIDDEN), weights(4 * HIDDEN))
                       for l in range(LAYERS)]
        self.head = (weights(OUTPUTS, HIDDEN), weights(OUTPUTS))

    def parameters(self):
        return [w for layer in self.layers for w in layer] + list(self.head)

    def forward(self, x, dropout):
        for l, layer in enumerate(self.layers):
            x = stacked_layer(x, *layer)
            if dropout and l + 1 < LAYERS:
                x = torch.nn.functional.dropout(x, DROPOUT)
        return torch.baddbmm(self.head[1][:, None], x[:, -1], self.head[0].transpose(1, 2))


def batch_for(models, device):
    x = torch.randn(*models, STEPS, BATCH, INPUTS, device=device)
    return x, torch.randn(*models, BATCH, device=device), torch.randn(*models, BATCH, device=device)


def levels_and_base(device):
    levels = torch.tensor([0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975], device=device)
    return levels, torch.linspace(-2, 2, LEVELS, device=device)


def time_per_step(work, count):
    for _ in range(5):
        work()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(count):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - start) / count


def cudnn():
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    net = Net().cuda().train()
    optimiser = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    x, z, u = batch_for((), "cuda")
    levels, base = levels_and_base("cuda")

    def step():
        optimiser.zero_grad()
        loss_of(net(x), z, u, levels, base).backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        optimiser.step()

    return time_per_step(step, 100)


def ensemble():
    torch.backends.cuda.matmul.allow_tf32 = True
    nets = Ensemble(MODELS, "cuda")
    optimiser = torch.optim.Adam(nets.parameters(), lr=RATE, fused=True, capturable=True)
    x, z, u = batch_for((MODELS,), "cuda")
    levels, base = levels_and_base("cuda")

    def step():
        optimiser.zero_grad(set_to_none=False)
        loss_of(nets.forward(x, True), z, u, levels, base).sum().backward()
        squares = sum(w.grad.square().flatten(1).sum(1) for w in nets.parameters())
        scale = (CLIP / squares.sqrt()).clamp(max=1.0)
        for w in nets.parameters():
            w.grad *= scale.view(-1, *[1] * (w.dim() - 1))
        optimiser.step()

    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return time_per_step(graph.replay, 20)


def check():
    torch.manual_seed(1)
    nets, net = Ensemble(3, "cpu"), Net().eval()
    with torch.no_grad():
        for l, (w_ih, w_hh, bias) in enumerate(nets.layers):
            getattr(net.lstm, f"weight_ih_l{l}").copy_(w_ih[1])
            getattr(net.lstm, f"weight_hh_l{l}").copy_(w_hh[1])
            getattr(net.lstm, f"bias_ih_l{l}").copy_(bias[1])
            getattr(net.lstm, f"bias_hh_l{l}").zero_()
        net.head.weight.copy_(nets.head[0][1])
        net.head.bias.copy_(nets.head[1][1])
        x, z, u = batch_for((3,), "cpu")
        error = (nets.forward(x, False)[1] - net(x[1])).abs().max().item()
        levels, base = levels_and_base("cpu")
        each = loss_of(nets.forward(x, False), z, u, levels, base)[1] - loss_of(net(x[1]), z[1], u[1], levels, base)
    return max(error, abs(each.item()))


if __name__ == "__main__":
    print(json.dumps({"cudnn": cudnn, "ensemble": ensemble, "check": check}[sys.argv[1]]()))
