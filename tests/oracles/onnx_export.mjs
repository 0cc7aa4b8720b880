// Does an exported model mean the same in ONNX Runtime?
//
//   mop predict BTCUSDT --timeframe 1h --dump window.json
//   mop export BTCUSDT_1h --onnx btc.onnx
//   node tests/oracles/onnx_export.mjs btc.onnx window.json [DIRECTORY WITH node_modules]
//
// Feeds the dumped window, compares with the raw outputs mop computed. Exit status 1 when they differ by more than
// 1e-5. Needs onnxruntime-node (bench/engine/run.sh installs it into bench/.rivals, the default directory).
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [model, dump, modules = new URL('../../bench/.rivals', import.meta.url).pathname] = process.argv.slice(2);
const ort = createRequire(`${resolve(modules)}/`)('onnxruntime-node');
const window = JSON.parse(readFileSync(dump, 'utf8'));
const session = await ort.InferenceSession.create(model);
const feeds = {};
for (const b of window.branches)
  feeds[b.prefix] = new ort.Tensor('float32', Float32Array.from(b.x), [b.lookback, 1, b.x.length / b.lookback]);
const { raw } = await session.run(feeds);
const worst = Math.max(...window.raw.map((value, i) => Math.abs(value - raw.data[i])));
console.log(`${window.model}: ${raw.data.length} outputs, largest difference ${worst.toExponential(2)}`);
process.exit(raw.data.length === window.raw.length && worst <= 1e-5 ? 0 : 1);
