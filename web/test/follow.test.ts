import { afterEach, expect, test, vi } from 'vitest';

vi.stubGlobal('sessionStorage', { getItem: () => 'secret', setItem: () => undefined, removeItem: () => undefined });
vi.useFakeTimers();
const { followEvents } = await import('../src/events');
afterEach(() => vi.unstubAllGlobals());

const reply = (text: string) => new Response(text, { headers: { 'Content-Type': 'text/event-stream' } });

// What is told while these replies come, one a connection; after the last one nothing comes any more.
async function follow(...replies: (Response | Error)[]) {
  const stop = new AbortController(), said: string[] = [], asked: Record<string, string>[] = [];
  vi.stubGlobal('fetch', async (address: string, { headers }: { headers: Record<string, string> }) => {
    expect(address).toBe('/api/v1/events');
    asked.push(headers);
    const next = replies.shift();
    if (replies.length === 0) stop.abort();
    if (next instanceof Error) throw next;
    return next;
  });
  const ended = followEvents({
    open: () => said.push('open'), event: ({ data }) => said.push(data), lost: (why) => said.push(why.message),
  }, stop.signal);
  await vi.runAllTimersAsync();
  await ended;
  return { said, asked };
}

test('a stream that ends is resumed behind the last event, with the token', async () => {
  const { said, asked } = await follow(reply('id: 7-1\ndata: a\n\nid: 7-2\ndata: b\n\ndata: half'), reply('id: 7-3\ndata: c\n\n'), reply(''));
  expect(said.slice(0, 5)).toEqual(['open', 'a', 'b', 'the connection to mop serve ended', 'open']);
  expect(said).toContain('c');
  expect(said).not.toContain('half');
  expect(asked.map((headers) => headers['Last-Event-ID'])).toEqual([undefined, '7-2', '7-3']);
  expect(asked.every((headers) => headers['Authorization'] === 'Bearer secret')).toBe(true);
});

test('a refusal is told in the words of the service, and tried again', async () => {
  const refused = new Response('{"error":{"code":"busy","message":"too many clients follow the events"}}', { status: 503 });
  const { said, asked } = await follow(refused, new TypeError('fetch failed'), reply(''));
  expect(said.slice(0, 2)).toEqual(['too many clients follow the events', 'mop serve does not answer']);
  expect(asked).toHaveLength(3);
});

test('waits longer from failure to failure, and shortly again after it was connected', async () => {
  const at: number[] = [], begun = Date.now();
  const failing = Array.from({ length: 8 }, () => new TypeError('fetch failed'));
  const stop = new AbortController();
  vi.stubGlobal('fetch', async () => {
    at.push(Date.now() - begun);
    const next = at.length === 8 ? reply('') : failing[at.length];
    if (at.length === 9) stop.abort();
    if (next instanceof Error) throw next;
    return next ?? reply('');
  });
  const ended = followEvents({ open: () => undefined, event: () => undefined, lost: () => undefined }, stop.signal);
  await vi.runAllTimersAsync();
  await ended;
  const waits = at.slice(1).map((time, i) => time - (at[i] ?? 0));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 500]);
});

test('a line that is silent for too long is cut, one with comments is not', async () => {
  const stop = new AbortController(), lost: [number, string][] = [], begun = Date.now();
  let connections = 0;
  vi.stubGlobal('fetch', async () => {
    if (++connections === 2) stop.abort();
    return new Response(new ReadableStream({
      async start(controller) {
        for (let comments = 0; comments < 10; comments++) {
          controller.enqueue(new TextEncoder().encode(': \n\n'));
          await new Promise((resolve) => setTimeout(resolve, 15_000));
        }
      },
    }));
  });
  const ended = followEvents({ open: () => undefined, event: () => undefined, lost: (why) => lost.push([Date.now() - begun, why.message]) }, stop.signal);
  await vi.runAllTimersAsync();
  await ended;
  expect(lost).toEqual([[9 * 15_000 + 45_000, 'mop serve is silent']]);
});
