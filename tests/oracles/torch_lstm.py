#!/usr/bin/python3
"""PyTorch as oracle for mop/nn: small fixed networks with every output and every gradient.

Writes mop/nn/testdata/torch_lstm.json, which the unit tests read, so that running them needs no PyTorch:

    OMP_NUM_THREADS=1 /usr/bin/python3 tests/oracles/torch_lstm.py

Inputs and weights are multiples of 1/1024, exact in float and short as text; PyTorch computes in double.
"""
import json
import pathlib
import struct

import torch

OUTPUT = pathlib.Path(__file__).resolve().parents[2] / "mop" / "nn" / "testdata" / "torch_lstm.json"

CASES = [
    dict(name="single", hidden=8, layers=2, outputs=4, batch=3, scored=1,
         branches=[dict(prefix="lstm", inputs=5, steps=7, read=[6])]),
    dict(name="sequence", hidden=5, layers=1, outputs=3, batch=2, scored=4,
         branches=[dict(prefix="lstm", inputs=3, steps=9, read=[5, 6, 7, 8])]),
    dict(name="two_branches", hidden=6, layers=3, outputs=5, batch=2, scored=2,
         branches=[dict(prefix="lstm_15m", inputs=4, steps=8, read=[5, 7]),
                   dict(prefix="lstm_1h", inputs=3, steps=4, read=[2, 3])]),
]


def load_safetensors(path):
    """(tensors by name, metadata) of a safetensors file whose tensors are all F32."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError(f"{path}: tensor {name} has dtype {entry['dtype']}, not F32")
        begin, end = entry["data_offsets"]
        count = (end - begin) // 4
        values = struct.unpack(f"<{count}f", data[8 + length + begin:8 + length + end])
        tensors[name] = torch.tensor(values, dtype=torch.float32).reshape(entry["shape"])
    return tensors, metadata


class Net(torch.nn.Module):
    """The network mop/nn/shapes.h describes, put together from PyTorch's own modules."""

    def __init__(self, branches, hidden, layers, outputs):
        super().__init__()
        self.prefixes = [branch["prefix"] for branch in branches]
        for branch in branches:
            self.add_module(branch["prefix"], torch.nn.LSTM(branch["inputs"], hidden, layers))
        self.head = torch.nn.Linear(hidden * len(branches), outputs)

    def forward(self, xs, reads):
        """xs: per branch (T, B, I); reads: per branch the steps to score. Result (S, B, outputs)."""
        states = [getattr(self, prefix)(x)[0][read] for prefix, x, read in zip(self.prefixes, xs, reads)]
        return self.head(torch.cat(states, dim=-1))


def grid(shape, scale):
    """Normal numbers of the given size, rounded to 1/1024."""
    return torch.round(torch.randn(shape, dtype=torch.float64) * scale * 1024) / 1024


def flat(tensor):
    return tensor.detach().reshape(-1).tolist()


def run_case(case):
    net = Net(case["branches"], case["hidden"], case["layers"], case["outputs"]).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(grid(parameter.shape, 0.4))
    xs = [grid((b["steps"], case["batch"], b["inputs"]), 1.0) for b in case["branches"]]
    y = net(xs, [b["read"] for b in case["branches"]])
    dy = grid(y.shape, 1.0)
    y.backward(dy)
    branches = [dict(prefix=b["prefix"], inputs=b["inputs"], steps=b["steps"], x=flat(x),
                     read_step=[step for step in b["read"] for _ in range(case["batch"])])
                for b, x in zip(case["branches"], xs)]
    result = {key: case[key] for key in ("name", "hidden", "layers", "outputs", "batch", "scored")}
    result.update(branches=branches, y=flat(y), dy=flat(dy),
                  tensors=[dict(name=name, dims=list(p.shape), values=flat(p), grad=flat(p.grad))
                           for name, p in net.named_parameters()])
    return result


def run_adam():
    """Five AdamW steps on eight parameters, gradients given."""
    start, grads = grid((8,), 1.0), [grid((8,), 1.0) for _ in range(5)]
    parameter = torch.nn.Parameter(start.clone())
    options = dict(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    optimiser = torch.optim.AdamW([parameter], **options)
    steps = []
    for grad in grads:
        parameter.grad = grad.clone()
        optimiser.step()
        steps.append(flat(parameter))
    return dict(lr=options["lr"], beta1=options["betas"][0], beta2=options["betas"][1], eps=options["eps"],
                weight_decay=options["weight_decay"], start=flat(start), grads=[flat(g) for g in grads],
                params=steps)


def main():
    torch.manual_seed(20240229)
    document = dict(made_by="OMP_NUM_THREADS=1 /usr/bin/python3 tests/oracles/torch_lstm.py",
                    torch=torch.__version__, cases=[run_case(case) for case in CASES], adam=run_adam())
    OUTPUT.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
