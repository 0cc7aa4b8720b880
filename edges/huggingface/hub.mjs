// Models to and from a Hugging Face repository, for `mop publish` and `mop pull`.
//
// Standard input: one line of JSON; when it is closed before the end, nobody waits any more
//   {"do":"publish","repo":"user/name","branch":"main","private":true|false|null,"title":"...","dry_run":false,
//    "files":[{"path":"BTCUSDT_1h.safetensors","local":"/...","bytes":n,"sha256":"..."}],
//    "texts":[{"path":"README.md","text":"..."}],"url":"" or an address,"token":"hf_..."}
//   {"do":"pull","repo":"user/name","revision":"main","names":["BTCUSDT_1h.safetensors",...],
//    "have":{"<name>":"<sha256>"},"directory":"/...","url":"","token":"" or "hf_..."}
// Standard output, one JSON object a line:
//   {"progress":{"done":n,"of":m,"what":"..."}}   as often as there is something to say
//   {"waiting":{"seconds":n,"why":"..."}}         before it asks again
//   {"pulled":{"path","sha256"}}                  a file that is complete in the directory
//   {"done":{"commit","url","changed":[paths],"unchanged":[paths],"missing":[names]}}   the last line of a good end
//   {"error":{"kind":"invalid_argument|not_found|refused|rate_limited|corrupt|unavailable|unsupported","message"}}
// The token is in nothing that is written.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { open as openFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const ATTEMPTS = 6;
const MOST_BYTES = 256 * 2 ** 20; // of a model file
const PASSING = new Set([408, 429, 500, 502, 503, 504]);
const LONGEST_WAIT_S = 310; // a window of the Hub's limits is five minutes

class Fault extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

const sleep = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Seconds to wait before the next attempt: what the Hub asks for, else ever longer. */
export function waitFor(response, attempt) {
  if (response?.status === 429) {
    const [, left, reset] = /;\s*r=(\d+)\s*;\s*t=(\d+)/.exec(response.headers.get('RateLimit') ?? '') ?? [];
    if (left === '0') return Math.min(Number(reset) + 1, LONGEST_WAIT_S);
    const after = Number(response.headers.get('Retry-After'));
    if (after > 0) return Math.min(after, LONGEST_WAIT_S);
  }
  return 0.25 * 2 ** attempt * (0.5 + Math.random() / 2);
}

/** fetch() that asks again when that can help. A commit whose reply is lost may have been made: that is left to the caller. */
export function patientFetch(say, pause = sleep) {
  return async (address, init) => {
    const once = /\/commit\/[^/]+$/.test(new URL(address).pathname);
    for (let attempt = 1; ; attempt++) {
      let response, why;
      try {
        response = await fetch(address, init);
        if (!PASSING.has(response.status)) return response;
        why = `HTTP ${response.status}`;
      } catch (error) {
        why = error.cause?.code ?? error.cause?.message ?? error.message;
        const final = !error.cause?.code || why === 'ECONNREFUSED'; // no fault of the line: nobody is there
        if (once || final || attempt === ATTEMPTS) throw new Fault('unavailable', `${new URL(address).host} cannot be reached (${why})`);
      }
      if (attempt === ATTEMPTS || (once && response.status !== 429)) return response;
      const seconds = waitFor(response, attempt);
      if (seconds >= 1) await say({ waiting: { seconds: Math.ceil(seconds), why } });
      await pause(seconds);
    }
  };
}

/** Git's name of these bytes. */
const blobSha1 = (bytes) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Why it failed, for people, and what to do. */
function explain(error, { repo }) {
  if (error instanceof Fault) return error;
  const said = String(error.message).replace(/\.? URL: .*$/s, '').slice(0, 300);
  switch (error.statusCode) {
    case 400: return new Fault('invalid_argument', `the Hub does not take it: ${said}`);
    case 401: return new Fault('refused', `the Hub knows no repository ${repo} that this token may see (HTTP 401); check the name, and HF_TOKEN (https://huggingface.co/settings/tokens)`);
    case 403: return new Fault('refused', `the token may not do that to ${repo} (HTTP 403: ${said}); it needs the right to write there`);
    case 404: return new Fault('not_found', `the Hub has no ${repo} or no such revision of it (HTTP 404); a private one needs HF_TOKEN`);
    case 409: return new Fault('unavailable', `${repo} is busy with another change (HTTP 409: ${said}); try again`);
    case 412: return new Fault('unavailable', `${repo} was changed by somebody else meanwhile (HTTP 412), three times; try again`);
    case 429: return new Fault('rate_limited', `the Hub asks to slow down (HTTP 429); try again in five minutes`);
    default: break;
  }
  if (error.statusCode >= 500) return new Fault('unavailable', `the Hub answers HTTP ${error.statusCode} (${said}); try again later`);
  if (error.statusCode) return new Fault('corrupt', `the Hub answers HTTP ${error.statusCode}: ${said}`);
  return new Fault('unavailable', said);
}

/** The newest commit of a revision; null when there is no such repository. */
async function headOf(hub, ask, revision) {
  try {
    return (await hub.modelInfo({ name: ask.repo, revision, additionalFields: ['sha'], ...ask.access })).sha;
  } catch (error) {
    if (error.statusCode === 404) return null;
    throw error;
  }
}

/** path -> {sha256 or gitSha1, bytes} of every file at the top of a commit. */
async function filesAt(hub, ask, commit) {
  const files = new Map();
  for await (const entry of hub.listFiles({ repo: ask.repo, revision: commit, ...ask.access })) {
    if (entry.type === 'file') files.set(entry.path, { sha256: entry.lfs?.oid, gitSha1: entry.lfs ? undefined : entry.oid, bytes: entry.lfs?.size ?? entry.size });
  }
  return files;
}

function changesOf(request, there) {
  const texts = request.texts.map((file) => ({ ...file, bytes: Buffer.from(file.text) }));
  const differs = (file) => there.get(file.path)?.sha256 !== file.sha256;
  const textDiffers = (file) => there.get(file.path)?.gitSha1 !== blobSha1(file.bytes);
  const changed = [...request.files.filter(differs), ...texts.filter(textDiffers)];
  const unchanged = [...request.files, ...request.texts].map((file) => file.path).filter((path) => !changed.some((file) => file.path === path));
  return { changed, unchanged };
}

const contentOf = (file) => (file.local ? pathToFileURL(file.local) : new Blob([file.bytes]));

async function commit(hub, ask, request, changed, parentCommit) {
  const sent = new Set();
  const events = hub.commitIter({
    repo: ask.repo, branch: request.branch, title: request.title, parentCommit, useXet: false, ...ask.access,
    operations: changed.map((file) => ({ operation: 'addOrUpdate', path: file.path, content: contentOf(file) })),
  });
  for (;;) {
    const { value, done } = await events.next();
    if (done) return value.commit;
    if (value.event === 'phase' && value.phase === 'committing') await ask.say({ progress: { done: changed.length, of: changed.length, what: 'commit' } });
    if (value.event !== 'fileProgress' || value.state !== 'uploading' || value.progress < 1) continue;
    sent.add(value.path);
    await ask.say({ progress: { done: sent.size, of: changed.length, what: value.path } });
  }
}

async function publish(hub, ask, request) {
  if (!request.token) throw new Fault('invalid_argument', 'publishing needs a token of the role "write" in HF_TOKEN (https://huggingface.co/settings/tokens)');
  const page = `${(request.url || hub.HUB_URL).replace(/\/$/, '')}/${ask.repo}`;
  let sent = []; // in a commit that may have been made
  for (let attempt = 1; ; attempt++) {
    const head = await headOf(hub, ask, request.branch);
    const { changed, unchanged } = changesOf(request, head ? await filesAt(hub, ask, head) : new Map());
    const names = changed.map((file) => file.path);
    if (request.dry_run) return { commit: head, url: page, changed: names, unchanged, missing: [] };
    if (names.length === 0) return { commit: head, url: page, changed: sent, unchanged: unchanged.filter((path) => !sent.includes(path)), missing: [] };
    if (!head) {
      const visibility = request.private == null ? undefined : request.private ? 'private' : 'public';
      await hub.createRepo({ repo: ask.repo, visibility, ...ask.access }).catch((error) => {
        if (error.statusCode !== 409) throw error; // it is there already
      });
    }
    try {
      sent = names;
      const made = await commit(hub, ask, request, changed, head ?? undefined);
      return { commit: made.oid, url: made.url, changed: names, unchanged, missing: [] };
    } catch (error) {
      // The branch moved, or the reply was lost: look what is there now.
      const unsure = error.statusCode === 412 || error.statusCode >= 500 || error.kind === 'unavailable';
      if (!unsure || attempt === 3) throw error;
    }
  }
}

/** Writes a blob into a file; throws when it is not what the listing promised. */
async function save(blob, path, expected) {
  const sha256 = createHash('sha256'), sha1 = createHash('sha1').update(`blob ${expected.bytes}\0`);
  let bytes = 0;
  const file = await openFile(path, 'w');
  try {
    for await (const chunk of blob.stream()) {
      bytes += chunk.length;
      if (bytes > expected.bytes) break;
      sha256.update(chunk);
      sha1.update(chunk);
      await file.writeFile(chunk);
    }
  } finally {
    await file.close();
  }
  const got = sha256.digest('hex');
  if (bytes !== expected.bytes || (expected.sha256 ? got !== expected.sha256 : sha1.digest('hex') !== expected.gitSha1)) {
    throw new Fault('corrupt', `what was downloaded is not what the repository lists (${bytes} of ${expected.bytes} bytes)`);
  }
  return got;
}

async function download(hub, ask, request, where, path, expected) {
  for (let attempt = 1; ; attempt++) {
    try {
      const blob = await hub.downloadFile({ repo: ask.repo, path, revision: where, xet: false, ...ask.access });
      if (!blob) throw new Fault('corrupt', 'the repository lists it and does not have it');
      return await save(blob, `${request.directory}/${path}`, expected);
    } catch (error) {
      const final = attempt === 3 || (error.statusCode && error.statusCode < 500);
      if (final) throw Object.assign(explain(error, ask), { message: `${path}: ${explain(error, ask).message}` });
      await ask.say({ waiting: { seconds: attempt, why: `${path}: ${String(error.message).slice(0, 100)}` } });
      await ask.pause(attempt);
    }
  }
}

async function pull(hub, ask, request) {
  const where = await headOf(hub, ask, request.revision);
  if (!where) throw explain({ statusCode: 404 }, ask);
  const there = await filesAt(hub, ask, where);
  const wanted = request.names.filter((name) => there.has(name));
  const done = { commit: where, url: '', changed: [], unchanged: [], missing: request.names.filter((name) => !there.has(name)) };
  for (const [i, path] of wanted.entries()) {
    const expected = there.get(path);
    if (expected.sha256 && request.have[path] === expected.sha256) {
      done.unchanged.push(path);
    } else {
      if (expected.bytes > MOST_BYTES) throw new Fault('corrupt', `${path} has ${expected.bytes} bytes, no model has more than ${MOST_BYTES}`);
      const sha256 = await download(hub, ask, request, where, path, expected);
      await ask.say({ pulled: { path, sha256 } });
      done.changed.push(path);
    }
    await ask.say({ progress: { done: i + 1, of: wanted.length, what: path } });
  }
  return done;
}

async function library() {
  try {
    return await import('@huggingface/hub');
  } catch (error) {
    throw new Fault('unsupported', `@huggingface/hub is not installed; run: npm ci --prefix edges (${error.code ?? error.message})`);
  }
}

/** Does what a request asks for; returns the last line. `pause` waits for so many seconds. */
export async function answer(request, say, pause = sleep) {
  const secret = request.token || undefined;
  const ask = { repo: request.repo, say, pause, access: { fetch: patientFetch(say, pause), ...(request.url && { hubUrl: request.url }), ...(secret && { accessToken: secret }) } };
  try {
    if (secret && !secret.startsWith('hf_')) throw new Fault('invalid_argument', 'HF_TOKEN is no token of Hugging Face: those start with hf_');
    const hub = await library();
    const work = { publish, pull }[request.do];
    if (!work) throw new Fault('unsupported', `the edge cannot ${request.do}`);
    return { done: await work(hub, ask, request) };
  } catch (error) {
    const { kind, message } = explain(error, ask);
    return { error: { kind, message: secret ? message.replaceAll(secret, 'hf_***') : message } };
  }
}

async function main() {
  const say = (object) => new Promise((resolve) => process.stdout.write(`${JSON.stringify(object)}\n`, resolve));
  const input = createInterface({ input: process.stdin });
  const [line] = await once(input, 'line');
  input.once('close', () => process.exit(1));
  await say(await answer(JSON.parse(line), say));
  process.exit(0);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
