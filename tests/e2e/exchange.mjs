// Starts `mop sim` for one test and asks it plainly, so that a client's answers can be compared.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const binary = process.env.MOP_BINARY ?? path.join(root, 'build/release/mop');

export const QUARTER = 900_000;
export const HOUR = 3_600_000;

// A minute before a 15m close, on a clock that runs as ours does: a minute to ask over REST and to subscribe. Then
// hurry() makes it 20 times as fast: the close comes within 3 s, a ping every second.
export const START = '2025-07-01T00:14:00';
export const CANDLE = Date.parse('2025-07-01T00:00:00Z');
// The first stream connection breaks after two minutes of the exchange's time. By then a client that had not answered
// the ping at 20 s would have been thrown out (at 80 s), with a close frame that says so.
export const BREAK = { do: 'disconnect', ms: 120_000, count: 1 };

/** A simulated exchange on a free port: { url, ws, stop() }. `faults` are objects of a fault script. */
export async function startExchange({ faults = [] } = {}) {
  const home = mkdtempSync(path.join(tmpdir(), 'mop-e2e-'));
  const script = path.join(home, 'faults.jsonl');
  writeFileSync(script, faults.map((fault) => JSON.stringify(fault) + '\n').join(''));
  const args = ['sim', '--port', '0', '--seed', '7', '--now', START, '--faults', script];
  const sim = spawn(binary, args, { cwd: home, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => sim.once('exit', resolve));
  const lines = createInterface({ input: sim.stdout });
  const url = await new Promise((resolve, reject) => {
    lines.once('line', resolve);
    sim.once('error', reject);
    ended.then((code) => reject(new Error(`mop sim ended with ${code}`)));
  });
  return {
    url,
    ws: url.replace('http:', 'ws:'),
    async stop() {
      sim.kill('SIGINT');
      const late = setTimeout(() => sim.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(late);
      rmSync(home, { recursive: true });
    },
  };
}

/** Sets the exchange's clock: 'speed=x20', 'advance_ms=1000'. */
export async function setClock(exchange, how) {
  const reply = await fetch(`${exchange.url}/sim/clock?${how}`, { method: 'POST' });
  if (!reply.ok) throw new Error(await reply.text());
}

export const hurry = (exchange) => setClock(exchange, 'speed=x20');

/** The parsed answer to a plain GET. */
export async function plain(exchange, target) {
  const reply = await fetch(exchange.url + target);
  return reply.json();
}

export async function plainKlines(exchange, interval, start, count) {
  const rows = [];
  while (rows.length < count) {
    const from = rows.length > 0 ? rows.at(-1)[6] + 1 : start;
    const limit = Math.min(1000, count - rows.length);
    const page = await plain(
      exchange,
      `/api/v3/klines?symbol=BTCUSDT&interval=${interval}&startTime=${from}&limit=${limit}`,
    );
    rows.push(...page);
  }
  return rows;
}

/** Waits until `condition()` is truthy and returns it. */
export async function until(condition, what, seconds = 30) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`did not happen in ${seconds} s: ${what}`);
    await delay(10);
  }
}

/** Rows as text: a client may turn numbers into other types, never into other digits. */
export const asText = (rows) => rows.map((row) => row.map(String));
