// Server-sent events out of pieces of text.

export interface ServerEvent {
  name: string;
  id: string;
  data: string;
}

/** Cuts the text of a stream into events: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream */
export class EventParser {
  #rest = '';
  #name = '';
  #data: string[] = [];
  #id = '';

  /** The events that this piece completes. */
  push(piece: string): ServerEvent[] {
    const events: ServerEvent[] = [];
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const ended of lines) {
      const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended;
      if (line === '') {
        if (this.#data.length > 0) events.push({ name: this.#name || 'message', id: this.#id, data: this.#data.join('\n') });
        this.#name = '';
        this.#data = [];
      } else {
        this.#field(line);
      }
    }
    return events;
  }

  #field(line: string) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id') this.#id = value;
  }
}
