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

// 40 s before a 15m close; the clock runs 20 times as fast: the close comes after 2 s, a ping every second.
export const START = Date.parse('2025-07-01T00:14:20Z');
export const CANDLE = Date.parse('2025-07-01T00:00:00Z');
export const SPEED = 20;
// The first stream connection breaks after 100 s of the exchange's time. By then a client that had not answered
// the ping at 20 s would have been thrown out (at 80 s), with a close frame that says so.
export const BREAK = { do: 'disconnect', ms: 100_000, count: 1 };

/** A simulated exchange on a free port: { url, ws, stop() }. `faults` are objects of a fault script. */
export async function startExchange({ now = new Date(START).toISOString().slice(0, 19), speed = SPEED, faults = [] } = {}) {
  const home = mkdtempSync(path.join(tmpdir(), 'mop-e2e-'));
  const script = path.join(home, 'faults.jsonl');
  writeFileSync(script, faults.map((fault) => JSON.stringify(fault) + '\n').join(''));
  const args = ['sim', '--port', '0', '--seed', '7', '--now', now, '--clock', `x${speed}`, '--faults', script];
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
export async function until(condition, what, seconds = 20) {
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
