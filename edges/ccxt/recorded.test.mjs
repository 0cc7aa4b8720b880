// Recorded candles of other exchanges, as ccxt reads them and the edge writes them, are the rows that pandas reads:
// tests/oracles/fixtures_pandas.py wrote the facts. The replies are reference data beside the project, not part of it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';

import ccxt from 'ccxt';

import { decimalText } from './candles.mjs';

const ROOT = new URL('../../', import.meta.url);
const RECORDED = new URL('../shared/fixtures/', ROOT);
const ROWS = {
  kraken: (reply) => Object.values(reply.result)[0],
  okx: (reply) => reply.data,
  bybit: (reply) => reply.result.list,
  coinbase: (reply) => reply.candles,
};

test('recorded candles of other exchanges are the rows that pandas reads', { skip: !existsSync(RECORDED) && 'no recorded replies in ../shared' }, () => {
  const { files } = JSON.parse(readFileSync(new URL('mop/exchange/testdata/fixtures_pandas.json', ROOT)));
  const elsewhere = Object.entries(files).filter(([, facts]) => facts.kind === 'elsewhere');
  assert.equal(elsewhere.length, 4);
  for (const [name, facts] of elsewhere) {
    const exchange = name.split('_')[0];
    const reply = JSON.parse(readFileSync(new URL(name, RECORDED)));
    const rows = new ccxt[exchange]().parseOHLCVs(ROWS[exchange](reply), undefined, '1m');
    const text = rows.map(([time, ...numbers]) => `${[time, ...numbers.map(decimalText)].join(',')}\n`).join('');
    assert.equal(rows.length, facts.rows, name);
    assert.equal(createHash('sha256').update(text).digest('hex'), facts.sha256_text, name);
  }
});
