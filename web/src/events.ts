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

/** Follows the events until the signal aborts. */
export async function followEvents(listener: Listener, signal: AbortSignal): Promise<void> {
  let last = '', wait = FIRST_WAIT_MS;
  while (!signal.aborted) {
    try {
      const reply = await fetch('/api/v1/events', { headers: { ...headers(), ...(last && { 'Last-Event-ID': last }) }, cache: 'no-store', signal });
      if (!reply.ok || !reply.body) throw await refusalOf(reply);
      listener.open();
      wait = FIRST_WAIT_MS;
      const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
        for (const event of parser.push(piece.value)) {
          last = event.id || last;
          listener.event(event);
        }
      }
      throw new Error('the connection to mop serve ended');
    } catch (error) {
      if (signal.aborted) return;
      listener.lost(error instanceof Error ? error : new Error(String(error)));
    }
    await new Promise((resolve) => setTimeout(resolve, wait));
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  }
}
