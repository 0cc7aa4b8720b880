// The official client against the Hub on loopback, and the edge against both: what it sends, what it makes of faults.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { createRepo, downloadFile, listFiles, modelInfo, uploadFiles } from '@huggingface/hub';

import { startHub } from '../../tests/fakes/hugging_face_hub.mjs';
import { answer, waitFor } from './hub.mjs';

const EDGE = fileURLToPath(new URL('./hub.mjs', import.meta.url));
const REPO = 'acme/mop';
const CARD = '---\nlicense: mit\n---\n# Models\n';
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** A directory with model files: name -> bytes. */
function directory(files = {}) {
  const at = mkdtempSync(join(tmpdir(), 'mop_hub_'));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(at, name), bytes);
  return at;
}

function publishing(hub, files, more = {}) {
  const at = directory(files);
  return {
    do: 'publish', repo: REPO, branch: 'main', private: true, title: 'Models', dry_run: false, url: hub.url, token: 'hf_write',
    files: Object.entries(files).map(([path, bytes]) => ({ path, local: join(at, path), bytes: bytes.length, sha256: sha256(bytes) })),
    texts: [{ path: 'README.md', text: CARD }], ...more,
  };
}

const pulling = (hub, names, more = {}) => ({ do: 'pull', repo: REPO, revision: 'main', names, have: {}, directory: directory(), url: hub.url, token: 'hf_read', ...more });

/** The last line, without waiting; `said` gets the others. */
const ask = (request, said = []) => answer(request, (line) => said.push(line), async () => {});

async function withHub(options, work) {
  const hub = await startHub(options);
  try {
    await work(hub);
  } finally {
    hub.close();
  }
}

const MODELS = { 'BTCUSDT_1h.safetensors': Buffer.alloc(200_104, 1), 'ETHUSDT_1h.safetensors': Buffer.alloc(150_000, 2) };
const NAMES = Object.keys(MODELS);

test('the official client takes the fake for the Hub', async () => {
  for (const multipart of [false, true]) {
    await withHub({ multipart, page: 1 }, async (hub) => {
      const access = { hubUrl: hub.url, accessToken: 'hf_write' };
      await createRepo({ repo: REPO, visibility: 'private', ...access });
      await assert.rejects(createRepo({ repo: REPO, ...access }), { statusCode: 409 });
      const files = [{ path: 'README.md', content: new Blob([CARD]) }, { path: 'm.safetensors', content: new Blob([MODELS[NAMES[0]]]) }];
      const { commit } = await uploadFiles({ repo: REPO, files, ...access });
      await assert.rejects(uploadFiles({ repo: REPO, files, parentCommit: '0'.repeat(40), ...access }), { statusCode: 412 });
      const listed = [];
      for await (const entry of listFiles({ repo: REPO, ...access })) listed.push(entry);
      assert.deepEqual(listed.map((f) => f.path), ['.gitattributes', 'README.md', 'm.safetensors'], 'three pages');
      assert.equal(listed[2].lfs.oid, sha256(MODELS[NAMES[0]]));
      assert.equal((await modelInfo({ name: REPO, additionalFields: ['sha'], ...access })).sha, commit.oid);
      const back = await downloadFile({ repo: REPO, path: 'm.safetensors', ...access });
      assert.equal(sha256(Buffer.from(await back.arrayBuffer())), sha256(MODELS[NAMES[0]]));
      assert.equal(await downloadFile({ repo: REPO, path: 'nope', ...access }), null);
      await assert.rejects(modelInfo({ name: REPO, hubUrl: hub.url }), { statusCode: 401 }, 'private');
      await assert.rejects(uploadFiles({ repo: REPO, files, hubUrl: hub.url, accessToken: 'hf_read' }), { statusCode: 403 });
    });
  }
});

test('models are published in one commit, and only what has changed', async () => {
  for (const multipart of [false, true]) {
    await withHub({ multipart }, async (hub) => {
      const first = await ask(publishing(hub, MODELS));
      assert.deepEqual(first.done.changed, [...NAMES, 'README.md']);
      const repo = hub.repos.get(REPO);
      assert.equal(repo.private, true);
      assert.equal(repo.commits.length, 2, 'the first one is the Hub\'s own');
      assert.equal(first.done.commit, repo.commits[1].oid);
      for (const name of NAMES) assert.deepEqual(hub.stored.get(repo.commits[1].files.get(name).lfs.oid), MODELS[name]);

      const again = await ask(publishing(hub, MODELS));
      assert.deepEqual([again.done.changed, again.done.unchanged], [[], [...NAMES, 'README.md']]);
      assert.equal(repo.commits.length, 2, 'nothing to commit');

      const before = hub.seen.length;
      const one = await ask(publishing(hub, { ...MODELS, [NAMES[1]]: Buffer.alloc(150_000, 3) }));
      assert.deepEqual(one.done.changed, [NAMES[1]]);
      const puts = hub.seen.slice(before).filter((line) => line.startsWith('storage PUT'));
      assert.ok(puts.length > 0 && puts.every((line) => line.includes(sha256(Buffer.alloc(150_000, 3)))));
      assert.equal(repo.commits[2].files.size, 4, 'what was there stays');
    });
  }
});

test('a dry run changes nothing and says what would be', async () => {
  await withHub({}, async (hub) => {
    const { done } = await ask(publishing(hub, MODELS, { dry_run: true }));
    assert.deepEqual([done.commit, done.changed], [null, [...NAMES, 'README.md']]);
    assert.ok(hub.seen.every((line) => line.startsWith('hub GET')), hub.seen.join('\n'));
  });
});

test('neither a repository nor a commit is made twice when the reply is lost', async () => {
  const lost = (match) => ({ match, lost: true, times: 1 });
  await withHub({ faults: [lost('POST /api/repos/create'), lost(`POST /api/models/${REPO}/commit`)] }, async (hub) => {
    const { done } = await ask(publishing(hub, MODELS));
    assert.equal(hub.repos.get(REPO).commits.length, 2);
    assert.equal(done.commit, hub.repos.get(REPO).commits[1].oid);
    assert.deepEqual([done.changed, done.unchanged], [[...NAMES, 'README.md'], []]);
  });
});

test('when somebody else commits meanwhile it looks again', async () => {
  await withHub({ faults: [{ match: `POST /api/models/${REPO}/commit`, status: 412, times: 1 }] }, async (hub) => {
    const { done } = await ask(publishing(hub, MODELS));
    assert.equal(hub.repos.get(REPO).commits.length, 2);
    assert.deepEqual(done.changed, [...NAMES, 'README.md']);
    const headers = hub.seen.flatMap((line, i) => (line.includes('/commit/') ? [JSON.parse(hub.bodies[i].toString().split('\n')[0])] : []));
    assert.ok(headers.at(-1).value.parentCommit, 'the second try says what it builds on');
  });
});

test('it waits as long as the Hub asks, and asks again', async () => {
  const busy = { match: 'PUT /put', status: 503, times: 2 }, limited = { match: 'GET /api/models', status: 429, headers: { RateLimit: '"api";r=0;t=41' }, times: 1 };
  await withHub({ faults: [busy, limited] }, async (hub) => {
    const said = [], waits = [];
    const last = await answer(publishing(hub, MODELS), (line) => said.push(line), async (seconds) => waits.push(seconds));
    assert.ok(last.done, JSON.stringify(last));
    assert.deepEqual(said.find((line) => line.waiting)?.waiting, { seconds: 42, why: 'HTTP 429' });
    assert.equal(waits.length, 3);
  });
  const reply = (headers) => new Response('', { status: 429, headers });
  assert.equal(waitFor(reply({ 'Retry-After': '7' }), 1), 7);
  assert.equal(waitFor(reply({ RateLimit: '"api";r=3;t=200', 'Retry-After': '7' }), 1), 7, 'only r=0 means the window is used up');
  assert.equal(waitFor(reply({ RateLimit: '"api";r=0;t=99999' }), 1), 310);
});

test('what is pulled is what is listed, from one commit, and only what is not there yet', async () => {
  await withHub({ page: 2 }, async (hub) => {
    await ask(publishing(hub, MODELS));
    const request = pulling(hub, [...NAMES, 'SOLUSDT_1h.safetensors'], { have: { [NAMES[0]]: sha256(MODELS[NAMES[0]]) } });
    const said = [];
    const { done } = await ask(request, said);
    assert.deepEqual([done.changed, done.unchanged, done.missing], [[NAMES[1]], [NAMES[0]], ['SOLUSDT_1h.safetensors']]);
    assert.deepEqual(said.find((line) => line.pulled).pulled, { path: NAMES[1], sha256: sha256(MODELS[NAMES[1]]) });
    assert.deepEqual(readFileSync(join(request.directory, NAMES[1])), MODELS[NAMES[1]]);
    assert.ok(hub.seen.filter((line) => line.includes('/resolve/')).every((line) => line.includes(done.commit)));
  });
});

test('a download that breaks or is not what was promised is fetched again, then refused', async () => {
  await withHub({}, async (hub) => {
    await ask(publishing(hub, MODELS));
    hub.faults.push({ match: 'GET /get/', lost: true, times: 2 });
    assert.ok((await ask(pulling(hub, NAMES))).done);
    hub.stored.set(sha256(MODELS[NAMES[0]]), Buffer.alloc(200_104, 9));
    const { error } = await ask(pulling(hub, NAMES));
    assert.equal(error.kind, 'corrupt');
    assert.match(error.message, /BTCUSDT_1h\.safetensors: what was downloaded is not what the repository lists/);
  });
});

test('every refusal says what to do, and no token', async () => {
  const closed = await startHub();
  closed.close();
  await withHub({}, async (hub) => {
    await ask(publishing(hub, MODELS));
    for (const [request, kind, words] of [
      [publishing(hub, MODELS, { token: 'hf_wrong' }), 'refused', /HF_TOKEN/],
      [publishing(hub, { ...MODELS, [NAMES[0]]: Buffer.alloc(9) }, { token: 'hf_read' }), 'refused', /right to write/],
      [publishing(hub, MODELS, { token: '' }), 'invalid_argument', /HF_TOKEN/],
      [publishing(hub, MODELS, { token: 'secret123' }), 'invalid_argument', /start with hf_/],
      [publishing(hub, MODELS, { texts: [{ path: 'README.md', text: 'no metadata' }] }), 'invalid_argument', /YAML/],
      [pulling(hub, NAMES, { repo: 'acme/other' }), 'not_found', /acme\/other/],
      [pulling(hub, NAMES, { revision: 'v9' }), 'not_found', /revision/],
      [pulling(hub, NAMES, { token: '' }), 'refused', /acme\/mop/],
      [pulling(closed, NAMES), 'unavailable', /127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/],
      [pulling({ url: 'http://127.0.0.1:9' }, NAMES), 'unavailable', /127\.0\.0\.1:9 cannot be reached \(bad port\)/],
    ]) {
      const said = [];
      const { error } = await ask(request, said);
      assert.deepEqual(said.filter((line) => line.waiting), [], 'no use in asking again');
      assert.equal(error?.kind, kind, JSON.stringify(error));
      assert.match(error.message, words);
      assert.doesNotMatch(error.message, /secret123|hf_w|hf_r/);
    }
  });
});

test('as a process it reads one line and answers in lines', async () => {
  await withHub({}, async (hub) => {
    const edge = spawn(process.execPath, [EDGE], { stdio: ['pipe', 'pipe', 'inherit'] });
    edge.stdin.write(`${JSON.stringify(publishing(hub, MODELS))}\n`);
    let text = '';
    for await (const chunk of edge.stdout) text += chunk;
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.equal(lines.at(-1).done.commit, hub.repos.get(REPO).commits.at(-1).oid);
    assert.ok(lines.slice(0, -1).every((line) => line.progress));
    assert.doesNotMatch(text, /hf_write/);
  });
});

test('it ends when whoever asked is gone', async () => {
  await withHub({ faults: [{ match: 'GET /api', status: 429, headers: { RateLimit: '"api";r=0;t=299' }, times: 1 }] }, async (hub) => {
    const edge = spawn(process.execPath, [EDGE], { stdio: ['pipe', 'pipe', 'inherit'] });
    edge.stdin.write(`${JSON.stringify(publishing(hub, MODELS))}\n`);
    const [said] = await once(edge.stdout, 'data');
    assert.match(said.toString(), /"seconds":300/);
    edge.stdin.end();
    assert.deepEqual(await once(edge, 'exit'), [1, null]);
  });
});
