#!/usr/bin/env python3
"""What pandas reads in recorded replies of the real exchange, as facts: kind, rows, first and last open time, and two
hashes per file. mop/exchange/fixtures_test.cc compares them with what MOP's parsers read.

    /usr/bin/python3 tests/oracles/fixtures_pandas.py ../shared/fixtures >mop/exchange/testdata/fixtures_pandas.json

sha256_text: over the rows as `open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_base,
taker_buy_quote\\n`, times in milliseconds, decimals without padding zeros, absent columns empty. sha256_doubles: over
open, high, low, close and volume as pandas' doubles (float_precision="round_trip"), little-endian, row by row. Rows of a
candle that still trades are `open_time,close_time,close\\n`: MOP shows nothing else of it.
Rows of other exchanges (kind "elsewhere") are `open_time,open,high,low,close,volume\\n`, ascending;
edges/ccxt/recorded.test.mjs compares those.
"""
import hashlib
import io
import json
import pathlib
import sys
import zipfile

import pandas as pd

COLUMNS = ["open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "trades",
           "taker_buy_base", "taker_buy_quote"]
FRAME_KEYS = ["t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q"]
# Replies that MOP does not parse itself, and who does.
OTHERS = {"bybit_": "ccxt", "coinbase_": "ccxt", "kraken_": "ccxt", "okx_": "ccxt", "binance_ticker": "nobody: MOP does not ask for it",
          "ticker24hr": "nobody: MOP does not ask for it", "binance_avgPrice": "nobody: MOP does not ask for it",
          "binance_depth": "nobody: MOP does not ask for it",
          "exchangeInfo_usdm_futures": "nobody: MOP trades no futures"}


def plain(text):
    """Decimal text without padding zeros: "042.50" -> "42.5", "0.00" -> "0"."""
    whole, _, fraction = text.partition(".")
    if not whole:
        return ""
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")


def millis(text):
    return str(int(text) // 1000 if int(text) >= 10**14 else int(text))


def canonical(frame):
    frame = frame[COLUMNS].fillna("").astype(str)
    for name in COLUMNS:
        if name in ("open_time", "close_time"):
            frame[name] = frame[name].map(millis)
        elif name != "trades":
            frame[name] = frame[name].map(plain)
    return frame


def facts(kind, frame):
    frame = canonical(frame)
    text = frame.to_csv(header=False, index=False, lineterminator="\n")
    numbers = pd.read_csv(io.StringIO(text), header=None, usecols=range(1, 6), float_precision="round_trip",
                          dtype="float64")
    return {"kind": kind, "rows": len(frame), "first_open_time": int(frame["open_time"].iloc[0]),
            "last_open_time": int(frame["open_time"].iloc[-1]),
            "sha256_text": hashlib.sha256(text.encode()).hexdigest(),
            "sha256_doubles": hashlib.sha256(numbers.to_numpy().astype("<f8").tobytes()).hexdigest()}


def klines(path):
    return facts("klines", pd.read_json(path, dtype=False, convert_dates=False).set_axis(COLUMNS + ["ignored"], axis=1))


def archive(path, compression):
    if compression == "zip":
        with zipfile.ZipFile(path) as folder:
            start = folder.read(folder.namelist()[0])[:1]
    else:
        start = path.read_bytes()[:1]
    frame = pd.read_csv(path, dtype=str, header=None, names=COLUMNS + ["ignored"], skiprows=int(start.isalpha()),
                        compression=compression)
    return facts("archive_zip" if compression else "archive_csv", frame)


def frames(path):
    events = pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    bare = events["data"].map(lambda event: event["k"]) if "data" in events else events["k"]
    candles = pd.json_normalize(list(bare))
    closed = candles["x"].all()
    if closed:
        table = pd.DataFrame({name: candles[key] if key in candles else "" for name, key in zip(COLUMNS, FRAME_KEYS)})
        return facts("closed_frames", table)
    text = "".join(f"{row['t']},{row['T']},{float(row['c'])!r}\n" for _, row in candles.iterrows())
    return {"kind": "open_frames", "rows": len(candles), "first_open_time": int(candles["t"].iloc[0]),
            "last_open_time": int(candles["t"].iloc[-1]), "sha256_text": hashlib.sha256(text.encode()).hexdigest()}


def exchange_info(path):
    symbols = pd.json_normalize(json.loads(path.read_text())["symbols"])
    ticks = symbols["filters"].map(
        lambda filters: next((plain(f["tickSize"]) for f in filters if f["filterType"] == "PRICE_FILTER"), ""))
    text = "".join(f"{name},{status},{tick}\n" for name, status, tick in zip(symbols["symbol"], symbols["status"], ticks))
    return {"kind": "exchange_info", "rows": len(symbols), "sha256_text": hashlib.sha256(text.encode()).hexdigest()}


# Candles of other exchanges, which edges/ccxt reads: where the rows are, their columns, milliseconds of a time's unit.
ELSEWHERE = {"kraken_OHLC": (("result", "XBTUSDT"), "open_time open high low close vwap volume trades", 1000),
             "okx_candles": (("data",), "open_time open high low close volume ccy quote confirm", 1),
             "bybit_kline": (("result", "list"), "open_time open high low close volume turnover", 1),
             "coinbase_candles": (("candles",), "open_time low high open close volume", 1000)}


def elsewhere(path, way, columns, unit):
    rows = json.loads(path.read_text())
    for key in way:
        rows = rows[key]
    frame = pd.DataFrame(rows).set_axis(columns.split(), axis=1).astype(str)
    frame["open_time"] = frame["open_time"].astype("int64") * unit
    frame = frame.sort_values("open_time")[["open_time", "open", "high", "low", "close", "volume"]]
    for name in frame.columns[1:]:
        frame[name] = frame[name].map(plain)
    text = frame.to_csv(header=False, index=False, lineterminator="\n")
    return {"kind": "elsewhere", "rows": len(frame), "sha256_text": hashlib.sha256(text.encode()).hexdigest()}


def read(path):
    name = path.name
    for beginning, how in ELSEWHERE.items():
        if name.startswith(beginning):
            return elsewhere(path, *how)
    for beginning, who in OTHERS.items():
        if name.startswith(beginning):
            return {"kind": "not_parsed", "read_by": who}
    if "klines_" in name and name.endswith(".json"):
        return klines(path)
    if "exchangeInfo" in name:
        return exchange_info(path)
    if name.startswith("serverTime"):
        return {"kind": "server_time", "time": int(pd.read_json(path, typ="series", convert_dates=False)["serverTime"])}
    if name.endswith(".csv"):
        return archive(path, None)
    if name.endswith(".zip"):
        return archive(path, "zip")
    return frames(path) if name.endswith(".jsonl") else None


def main():
    root = pathlib.Path(sys.argv[1])
    files = sorted([*root.glob("*.json"), *root.glob("binance/*/*")])
    found = {str(path.relative_to(root)): read(path) for path in files
             if not path.name.startswith(("discord_", "INDEX"))}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in found.items() if one)
    command = "/usr/bin/python3 tests/oracles/fixtures_pandas.py ../shared/fixtures"
    print(f'{{"command": "{command}", "pandas": "{pd.__version__}", "files": {{\n{lines}\n}}}}')


main()
