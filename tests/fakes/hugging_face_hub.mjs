// A Hugging Face Hub on loopback, as far as models are concerned: repositories, commits, LFS storage on a host of its
// own, downloads. It knows two tokens, hf_write and hf_read. Used by edges/huggingface/hub.test.mjs, which has the
// official client speak to it, and by tests/functional/hub_test.cc:
//   node hugging_face_hub.mjs '{"multipart":true}'    prints its address, then every request as "METHOD path"
import crypto from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { pathToFileURL } from 'node:url';

const LFS = /\.(safetensors|bin|onnx|npz|zip|gz)$/;
const PART = 64 * 1024; // of a multipart upload
const digest = (algorithm, bytes) => crypto.createHash(algorithm).update(bytes).digest('hex');
const blobSha1 = (bytes) => digest('sha1', Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes]));
const pointer = ({ oid, size }) => Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`);

class Refusal extends Error {
  constructor(status, message, headers = {}) {
    super(message);
    Object.assign(this, { status, headers });
  }
}

/**
 * options.multipart: large files in parts. options.page: entries of a page of a listing.
 * options.faults: [{match: 'POST /api/', status: 503, headers: {}, times: 1}]: answered so before anything happens;
 * with lost: true it happens and the connection breaks instead of an answer.
 */
export async function startHub(options = {}) {
  const repos = new Map(), stored = new Map(), parts = new Map(), faults = structuredClone(options.faults ?? []), seen = [];
  const bodies = [];
  let hubUrl = '', storageUrl = '';

  const repoOf = (request, name, write) => {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1];
    const known = token === 'hf_write' || token === 'hf_read';
    if (token && !known) throw new Refusal(401, 'Invalid username or password.');
    const repo = repos.get(name);
    if (!repo || (repo.private && !known)) throw new Refusal(known ? 404 : 401, 'Repository not found', { 'X-Error-Code': 'RepoNotFound' });
    if (write && token !== 'hf_write') throw new Refusal(known ? 403 : 401, 'You do not have the right to write here');
    return repo;
  };
  const commitOf = (repo, revision) => {
    const at = revision === 'main' || revision === 'HEAD' ? repo.commits.at(-1) : repo.commits.find((c) => c.oid === revision);
    if (!at) throw new Refusal(404, `Invalid rev id: ${revision}`, { 'X-Error-Code': 'RevisionNotFound' });
    return at;
  };
  const add = (repo, files, summary) => {
    const oid = digest('sha1', `${summary} ${repo.commits.length} ${[...files.keys()]}`);
    repo.commits.push({ oid, files });
    return oid;
  };

  const createRepo = (request, body) => {
    if (request.headers.authorization !== 'Bearer hf_write') throw new Refusal(401, 'Invalid username or password.');
    const { name, organization, visibility, type } = JSON.parse(body);
    if (type !== 'model') throw new Refusal(400, 'only models here');
    const full = `${organization}/${name}`;
    if (!/^[A-Za-z0-9._-]{1,96}$/.test(name) || /^[-.]|[-.]$|--|\.\.|\.git$/.test(name)) throw new Refusal(400, `Invalid repo name ${name}`);
    if (repos.has(full)) throw new Refusal(409, 'You already created this model repo');
    repos.set(full, { private: visibility === 'private', commits: [] });
    add(repos.get(full), new Map([['.gitattributes', { bytes: Buffer.from('*.safetensors filter=lfs diff=lfs merge=lfs -text\n') }]]), 'initial commit');
    return { url: `${hubUrl}/${full}`, name: full, id: '66aa' };
  };
  const preupload = (body) => ({
    files: JSON.parse(body).files.map(({ path, size, sample }) => {
      if (typeof size !== 'number' || Buffer.from(sample, 'base64').length !== Math.min(size, 512)) throw new Refusal(400, `a wrong sample of ${path}`);
      return { path, uploadMode: LFS.test(path) && size > 0 ? 'lfs' : 'regular', shouldIgnore: false, oid: null };
    }),
  });
  const upload = ({ oid, size }) => {
    if (!/^[0-9a-f]{64}$/.test(oid)) return { oid, size, error: { code: 422, message: 'oid is no SHA-256' } };
    if (stored.has(oid)) return { oid, size };
    const verify = { href: `${hubUrl}/verify` };
    if (!options.multipart) return { oid, size, actions: { upload: { href: `${storageUrl}/put/${oid}?signed=1` }, verify } };
    const header = { chunk_size: String(PART) };
    for (let i = 1; i <= Math.ceil(size / PART); i++) header[String(i).padStart(5, '0')] = `${storageUrl}/put/${oid}?part=${i}`;
    return { oid, size, actions: { upload: { href: `${storageUrl}/complete/${oid}`, header }, verify } };
  };
  const commit = (repo, body) => {
    const [header, ...operations] = body.toString().split('\n').filter((line) => line).map((line) => JSON.parse(line));
    if (header.key !== 'header' || !header.value.summary) throw new Refusal(400, 'the first line of a commit is its header');
    const { summary, parentCommit } = header.value;
    if (parentCommit && parentCommit !== repo.commits.at(-1).oid) throw new Refusal(412, 'The branch was updated since you opened this page, please refresh');
    const files = new Map(repo.commits.at(-1).files);
    for (const { key, value } of operations) {
      if (key === 'file') files.set(value.path, { bytes: Buffer.from(value.content, value.encoding) });
      else if (key === 'lfsFile' && stored.get(value.oid)?.length === value.size) files.set(value.path, { lfs: { oid: value.oid, size: value.size } });
      else if (key === 'deletedFile') files.delete(value.path);
      else throw new Refusal(422, `${key} ${value.path}: nothing stored under ${value.oid}`);
    }
    const readme = files.get('README.md')?.bytes.toString() ?? '';
    if (readme && !/^---\n[\s\S]*\n---\n/.test(readme)) throw new Refusal(400, 'README.md has no YAML metadata');
    const oid = add(repo, files, summary);
    return { success: true, commitOid: oid, commitUrl: `${hubUrl}/commit/${oid}`, hookOutput: '' };
  };
  const tree = (repo, revision, url, reply) => {
    const all = [...commitOf(repo, revision).files].sort(([a], [b]) => (a < b ? -1 : 1));
    const from = Number(url.searchParams.get('cursor') ?? 0), page = options.page ?? 1000;
    if (from + page < all.length) {
      const next = new URL(url);
      next.searchParams.set('cursor', from + page);
      reply.setHeader('Link', `<${hubUrl}${next.pathname}${next.search}>; rel="next"`);
    }
    return all.slice(from, from + page).map(([path, { bytes, lfs }]) => (lfs
      ? { type: 'file', oid: blobSha1(pointer(lfs)), size: lfs.size, path, lfs: { ...lfs, pointerSize: pointer(lfs).length } }
      : { type: 'file', oid: blobSha1(bytes), size: bytes.length, path }));
  };
  const info = (name, repo, revision) => {
    const at = commitOf(repo, revision);
    return { _id: '66aa', id: name, sha: at.oid, private: repo.private, downloads: 0, likes: 0, lastModified: '2025-07-01T00:00:00.000Z',
      siblings: [...at.files.keys()].map((rfilename) => ({ rfilename })) };
  };
  const resolve = (repo, revision, path, raw, reply) => {
    const at = commitOf(repo, revision), file = at.files.get(path);
    reply.setHeader('X-Repo-Commit', at.oid);
    if (!file) throw new Refusal(404, 'Entry not found', { 'X-Error-Code': 'EntryNotFound' });
    if (!file.lfs || raw) {
      const bytes = file.bytes ?? pointer(file.lfs);
      reply.setHeader('ETag', `"${blobSha1(bytes)}"`);
      return bytes;
    }
    reply.writeHead(302, { Location: `${storageUrl}/get/${file.lfs.oid}`, 'X-Linked-ETag': `"${file.lfs.oid}"`, 'X-Linked-Size': file.lfs.size });
    return reply.end();
  };
  const bytesOrRange = (request, reply, bytes) => {
    reply.setHeader('Accept-Ranges', 'bytes');
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    if (!range) return reply.end(bytes);
    const from = Number(range[1]), to = Math.min(range[2] ? Number(range[2]) : bytes.length - 1, bytes.length - 1);
    if (from >= bytes.length) throw new Refusal(416, 'Range not satisfiable');
    reply.writeHead(206, { 'Content-Range': `bytes ${from}-${to}/${bytes.length}` });
    return reply.end(bytes.subarray(from, to + 1));
  };

  const onHub = (request, url, body, reply) => {
    const path = decodeURIComponent(url.pathname);
    const json = (object, type = 'application/json') => {
      reply.setHeader('Content-Type', type);
      reply.end(JSON.stringify(object));
    };
    let m;
    if (path === '/api/repos/create') return json(createRepo(request, body));
    if ((m = /^\/api\/models\/([^/]+\/[^/]+)\/preupload\/main$/.exec(path))) return repoOf(request, m[1], true) && json(preupload(body));
    if ((m = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path))) {
      repoOf(request, m[1], true);
      if (request.headers['content-type'] !== 'application/vnd.git-lfs+json') throw new Refusal(406, 'not an LFS request');
      return json({ transfer: options.multipart ? 'multipart' : 'basic', objects: JSON.parse(body).objects.map(upload) }, 'application/vnd.git-lfs+json');
    }
    if ((m = /^\/api\/models\/([^/]+\/[^/]+)\/commit\/main$/.exec(path))) return json(commit(repoOf(request, m[1], true), body));
    if ((m = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/([^/]+)$/.exec(path))) return json(tree(repoOf(request, m[1]), m[2], url, reply));
    if ((m = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/([^/]+)$/.exec(path))) return json(info(m[1], repoOf(request, m[1]), m[2]));
    if ((m = /^\/([^/]+\/[^/]+)\/(resolve|raw)\/([^/]+)\/(.+)$/.exec(path))) {
      const bytes = resolve(repoOf(request, m[1]), m[3], m[4], m[2] === 'raw', reply);
      return reply.writableEnded ? undefined : bytesOrRange(request, reply, bytes);
    }
    throw new Refusal(404, `nothing at ${path}`);
  };
  // Signed addresses: whoever sends a token here gives it away.
  const onStorage = (request, url, body, reply) => {
    if (request.headers.authorization) throw new Refusal(400, 'Only one auth mechanism allowed');
    const [, action, oid] = url.pathname.split('/'), part = url.searchParams.get('part');
    if (action === 'put' && request.method === 'PUT') {
      if (part) parts.set(`${oid} ${part}`, body);
      else if (digest('sha256', body) === oid) stored.set(oid, body);
      else throw new Refusal(400, 'the bytes are not those of the oid');
      reply.setHeader('ETag', `"${digest('md5', body)}"`);
      return reply.end();
    }
    if (action === 'complete' && request.method === 'POST') {
      const sent = JSON.parse(body).parts.map(({ partNumber, etag }) => {
        const bytes = parts.get(`${oid} ${partNumber}`);
        if (!bytes || etag !== `"${digest('md5', bytes)}"`) throw new Refusal(400, `part ${partNumber} is not there`);
        return bytes;
      });
      const whole = Buffer.concat(sent);
      if (digest('sha256', whole) !== oid) throw new Refusal(400, 'the parts are not those of the oid');
      stored.set(oid, whole);
      return reply.end('{}');
    }
    if (action === 'get' && stored.has(oid)) {
      reply.setHeader('ETag', `"${oid}"`);
      return bytesOrRange(request, reply, stored.get(oid));
    }
    throw new Refusal(404, 'no such object');
  };

  const serve = async (handle, name) => {
    const server = http.createServer(async (request, reply) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const line = `${request.method} ${request.url}`, body = Buffer.concat(chunks);
      seen.push(`${name} ${line}`);
      bodies.push(body);
      options.log?.(`${name} ${line}`);
      reply.setHeader('RateLimit', '"api";r=900;t=120');
      reply.setHeader('X-Request-Id', `req-${seen.length}`);
      const fault = faults.find((f) => f.times > 0 && line.startsWith(f.match));
      if (fault) fault.times--;
      try {
        if (fault && !fault.lost) throw new Refusal(fault.status, 'a fault on purpose', fault.headers);
        if (fault) reply.end = () => request.socket.destroy();
        handle(request, new URL(request.url, hubUrl || 'http://hub'), body, reply);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        reply.writeHead(error.status, { 'Content-Type': 'application/json', 'X-Error-Message': error.message, ...error.headers });
        reply.end(JSON.stringify({ error: error.message }));
      }
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  const hub = await serve(onHub, 'hub'), storage = await serve(onStorage, 'storage');
  hubUrl = `http://127.0.0.1:${hub.address().port}`;
  storageUrl = `http://127.0.0.1:${storage.address().port}`;
  return { url: hubUrl, repos, stored, seen, bodies, faults, close: () => [hub, storage].forEach((s) => (s.closeAllConnections(), s.close())) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const hub = await startHub({ ...JSON.parse(process.argv[2] ?? '{}'), log: (line) => console.log(line) });
  console.log(hub.url);
}
