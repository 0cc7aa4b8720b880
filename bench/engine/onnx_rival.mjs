// ONNX Runtime's side of compare.py: `node onnx_rival.mjs MODULES MODEL.onnx`, one thread.
// Reads lines "forecast <count>", answers each with a JSON array of wall-clock microseconds.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [modules, model] = process.argv.slice(2);
const ort = createRequire(`${modules}/`)('onnxruntime-node');
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const x = new ort.Tensor('float32', Float32Array.from({ length: 60 * 42 }, (_, i) => Math.sin(i)), [60, 1, 42]);

for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line.split(' ')[1]);
  const samples = [];
  await session.run({ lstm: x });
  for (let i = 0; i < count; i++) {
    const start = process.hrtime.bigint();
    await session.run({ lstm: x });
    samples.push(Number(process.hrtime.bigint() - start) / 1000);
  }
  console.log(JSON.stringify(samples));
}
