// The stream of events. EventSource cannot send a token, so it is read with fetch, and resumed the way EventSource does it.
import { headers, refusalOf } from './api';
import { EventParser, type ServerEvent } from './event_parser';

export interface Listener {
  /** Connected. */
  open(): void;
  event(event: ServerEvent): void;
  /** Cut or refused; it is tried again. */
  lost(why: Error): void;
}

const FIRST_WAIT_MS = 500, LONGEST_WAIT_MS = 15_000;
/** Silence means a dead line: comments come every 15 seconds. */
const SILENCE_MS = 45_000;

// Reads one connection to its end, which is always an error.
async function read(last: { id: string }, listener: Listener, signal: AbortSignal): Promise<never> {
  const line = new AbortController();
  const stop = () => line.abort();
  signal.addEventListener('abort', stop);
  let silence = setTimeout(stop, SILENCE_MS);
  try {
    const reply = await fetch('/api/v1/events', { headers: { ...headers(), ...(last.id && { 'Last-Event-ID': last.id }) }, cache: 'no-store', signal: line.signal });
    if (!reply.ok || !reply.body) throw await refusalOf(reply);
    listener.open();
    const reader = reply.body.pipeThrough(new TextDecoderStream(), { signal: line.signal }).getReader();
    const parser = new EventParser();
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      clearTimeout(silence);
      silence = setTimeout(stop, SILENCE_MS);
      for (const event of parser.push(piece.value)) {
        last.id = event.id || last.id;
        listener.event(event);
      }
    }
    throw new Error('the connection to mop serve ended');
  } catch (error) {
    if (line.signal.aborted) throw new Error('mop serve is silent');
    throw error instanceof TypeError ? new Error('mop serve does not answer') : error;  // fetch says no more than that
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
  }
}

/** Follows the events until the signal aborts. */
export async function followEvents(listener: Listener, signal: AbortSignal): Promise<void> {
  const last = { id: '' };
  let wait = FIRST_WAIT_MS;
  const connected: Listener = {
    ...listener,
    open() {
      wait = FIRST_WAIT_MS;
      listener.open();
    },
  };
  while (!signal.aborted) {
    try {
      await read(last, connected, signal);
    } catch (error) {
      if (signal.aborted) return;
      listener.lost(error instanceof Error ? error : new Error(String(error)));
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }
}
