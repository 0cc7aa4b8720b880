#!/usr/bin/python3
"""PyTorch as oracle for mop/nn on twenty random shapes: every output, and every gradient in four projections.

Writes mop/nn/testdata/torch_shapes.json, which mop/nn/torch_shapes_test.cc reads:

    OMP_NUM_THREADS=1 /usr/bin/python3 tests/oracles/torch_shapes.py

Inputs and weights are drawn by SplitMix64 on both sides, so the file holds shapes and answers only. A gradient is
compared through its products with four drawn vectors: a wrong value anywhere changes them. PyTorch computes in
double. Shapes: units that do not fill a vector, a batch of one, batch tails, masked (all-zero) inputs, two branches.
"""
import json
import pathlib
import random

import torch

from torch_lstm import Net

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "mop" / "nn" / "testdata" / "torch_shapes.json"
MASK = (1 << 64) - 1


def splitmix(state):
    z = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def drawn(stream, shape):
    """Multiples of 1/1024 in [-1, 1): value i of a stream is a function of (stream, i) alone."""
    count = int(torch.Size(shape).numel())
    values = [(splitmix(stream << 32 | i) >> 53) / 1024 - 1 for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape)


def random_case(rng, index):
    batch = 1 if index < 4 else rng.choice([2, 5, 6, 7, 17, 33, 64])
    branches = [dict(prefix=f"branch{b}", inputs=rng.randint(1, 42), steps=rng.randint(1, 20))
                for b in range(1 + index % 3 // 2)]
    return dict(hidden=rng.choice([1, 5, 8, 15, 16, 17, 20, 31, 33, 48, 64, 65]), layers=rng.randint(1, 3),
                outputs=rng.randint(1, 80) if index % 5 == 0 else rng.randint(1, 11),
                batch=batch, scored=rng.randint(1, 3), masked=index % 2, branches=branches)


def run_case(case, rng):
    net = Net(case["branches"], case["hidden"], case["layers"], case["outputs"]).double()
    stream = 1
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(drawn(stream, parameter.shape) * 0.5)
            stream += 1
    xs = []
    for branch in case["branches"]:
        x = drawn(stream, (branch["steps"], case["batch"], branch["inputs"]))
        if case["masked"]:
            x[:, :, branch["inputs"] // 2:] = 0
        xs.append(x)
        stream += 1
        branch["read"] = sorted(rng.randrange(branch["steps"]) for _ in range(case["scored"]))
    y = net(xs, [branch["read"] for branch in case["branches"]])
    y.backward(drawn(stream, y.shape))
    grads = [parameter.grad.reshape(-1) for parameter in net.parameters()]
    probes = [[(grad * drawn(100 + probe, grad.shape)).sum().item() for probe in range(4)] for grad in grads]
    return dict(case, y=y.detach().reshape(-1).tolist()[:64], y_sum=y.sum().item(), probes=probes,
                norms=[grad.norm().item() for grad in grads])


def main():
    rng = random.Random(20240229)
    cases = [run_case(random_case(rng, index), rng) for index in range(20)]
    document = dict(made_by="OMP_NUM_THREADS=1 /usr/bin/python3 tests/oracles/torch_shapes.py",
                    torch=torch.__version__, cases=cases)
    OUTPUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
