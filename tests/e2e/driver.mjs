// tests/serve/http_driver.cc in a folder of its own: the HTTP side of `mop serve` with a made-up board and ledger.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

/** { url, say(line), stop() }; `args`: its token. */
export async function startDriver(...args) {
  const home = mkdtempSync(path.join(tmpdir(), 'mop-api-'));
  const driver = spawn(path.join(root, 'build/release/tests/http_driver'), [home, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => driver.once('exit', resolve));
  const lines = createInterface({ input: driver.stdout });
  const url = await new Promise((resolve, reject) => {
    lines.once('line', resolve);
    driver.once('error', reject);
    ended.then((code) => reject(new Error(`http_driver ended with ${code}`)));
  });
  return {
    url,
    say: (line) => driver.stdin.write(`${line}\n`),
    async stop() {
      driver.stdin.end();
      assert.equal(await ended, 0);
      rmSync(home, { recursive: true });
    },
  };
}
