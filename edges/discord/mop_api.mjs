// The API of `mop serve` (api/openapi.yaml), as far as the bot asks it.

/** What the API says to people; `status` is the HTTP status, 0 when nobody answered. */
export class ApiFault extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export class MopApi {
  constructor(url, token, fetchFrom = fetch) {
    Object.assign(this, { url: url.replace(/\/+$/, ''), token, fetchFrom });
  }

  get = (path) => this.#ask('GET', path);
  post = (path, body) => this.#ask('POST', path, body);
  delete = (path) => this.#ask('DELETE', path);

  async #ask(method, path, body) {
    let reply, text;
    try {
      reply = await this.fetchFrom(this.url + path, {
        method,
        headers: { ...(this.token && { Authorization: `Bearer ${this.token}` }), ...(body && { 'Content-Type': 'application/json' }) },
        body: body && JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      text = await reply.text();
    } catch (error) {
      throw new ApiFault(0, `mop serve does not answer at ${this.url} (${error.cause?.code ?? error.name})`);
    }
    let document;
    try {
      document = JSON.parse(text);
    } catch {
      throw new ApiFault(reply.status, `${this.url} does not speak as mop serve does (HTTP ${reply.status})`);
    }
    if (!reply.ok) throw new ApiFault(reply.status, document.error?.message ?? `HTTP ${reply.status}`);
    return document;
  }

  /** Every entry of a paged list. */
  async *all(path, key) {
    const join = path.includes('?') ? '&' : '?';
    for (let after = 0; after !== null; ) {
      const page = await this.get(`${path}${join}after=${after}&limit=100`);
      yield* page[key];
      after = page.next_after;
    }
  }
}
