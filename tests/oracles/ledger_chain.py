#!/usr/bin/python3
"""Verifies the hash chain of a prediction ledger without MOP, by docs/formats/ledger.md alone.

Usage: ledger_chain.py mop.db; exit status 0 and the head when every row is as it was written, 1 and the first row
that is not otherwise.
"""
import hashlib
import sqlite3
import struct
import sys

TABLES = {
    "model": "sha256, interval, id, horizon, levels, static_y, ewma_z, har_residual, spike_threshold, trained_until"
    " FROM models",
    "forecast": "symbol, interval, as_of, made_at, close, tick_size, sigma, champion, reason, model_sha256, input_hash,"
    " z, p_up, log_range, har_scale FROM forecasts",
    "missed": "symbol, interval, as_of, noted_at, reason FROM missed",
}


def encode(value):
    if value is None:
        return b"n"
    if isinstance(value, int):
        return b"i" + struct.pack("<q", value)
    if isinstance(value, float):
        return b"d" + struct.pack("<d", value)
    tag, data = (b"t", value.encode()) if isinstance(value, str) else (b"b", value)
    return tag + struct.pack("<I", len(data)) + data


db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
head, number = "0" * 64, 0
for seq, kind, stated in db.execute("SELECT seq, kind, hash FROM chain ORDER BY seq"):
    number += 1
    row = db.execute(f"SELECT {TABLES[kind]} WHERE seq = ?", (seq,)).fetchone() or ()
    head = hashlib.sha256(head.encode() + b"".join(encode(v) for v in (kind, seq, *row))).hexdigest()
    if seq != number or head != stated:
        sys.exit(f"row {number} is not as it was written")
print(f"{number} rows, head {head}")
