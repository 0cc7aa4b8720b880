"""Does a MOP model file mean the same in plain PyTorch?

  mop predict BTCUSDT --timeframe 1h --dump window.json
  OMP_NUM_THREADS=1 /usr/bin/python3 tests/oracles/torch_model_file.py models/BTCUSDT_1h.safetensors window.json

Loads the weights into torch.nn.LSTM and torch.nn.Linear by their names, feeds the dumped window, averages over the
networks, compares with the raw outputs that mop computed. Exit status 1 when they differ by more than 1e-5.
Needs torch only (Debian: python3-torch).
"""
import json
import struct
import sys

import torch


def load_safetensors(path):
    with open(path, "rb") as f:
        (length,) = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(length))
        data = f.read()
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            flat = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float32)
            tensors[name] = flat.reshape(entry["shape"])
    return tensors


def last_hidden(tensors, prefix, x):
    own = {k[len(prefix) + 1:]: v for k, v in tensors.items() if k.startswith(prefix + ".")}
    layers = sum(k.startswith("weight_ih_l") for k in own)
    lstm = torch.nn.LSTM(x.shape[1], own["weight_hh_l0"].shape[1], layers, batch_first=True)
    lstm.load_state_dict(own)
    return lstm(x.unsqueeze(0))[0][:, -1]


def networks_of(tensors):
    """The first network has plain names, the others' begin with network_<n>."""
    found = [{k: v for k, v in tensors.items() if not k.startswith("network_")}]
    while own := {k.split(".", 1)[1]: v for k, v in tensors.items() if k.startswith(f"network_{len(found)}.")}:
        found.append(own)
    return found


def raw_outputs(tensors, window):
    hidden = [last_hidden(tensors, b["prefix"], torch.tensor(b["x"]).reshape(b["lookback"], -1))
              for b in window["branches"]]
    head = torch.nn.Linear(tensors["head.weight"].shape[1], tensors["head.weight"].shape[0])
    head.load_state_dict({"weight": tensors["head.weight"], "bias": tensors["head.bias"]})
    return head(torch.cat(hidden, dim=1))[0]


def main():
    networks = networks_of(load_safetensors(sys.argv[1]))
    window = json.load(open(sys.argv[2]))
    with torch.no_grad():
        expected = torch.stack([raw_outputs(tensors, window) for tensors in networks]).mean(dim=0)
    worst = (expected - torch.tensor(window["raw"])).abs().max().item()
    print(f"{window['model']}: {len(networks)} networks, {len(window['raw'])} outputs, "
          f"largest difference {worst:.2e}")
    sys.exit(0 if worst <= 1e-5 else 1)


if __name__ == "__main__":
    main()
