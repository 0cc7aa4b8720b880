// Passes on what `mop serve` has to tell, each firing once, whatever is killed in between.
//
// Firings that belong to one channel and one close go into one message of at most ten. Its nonce is the first one's id: asked
// again with it, Discord returns the message it has, whose footers say which firings it carries. What came in since and is
// not among them is sent by itself. A delivery is recorded after that, the first one's last: as long as that is missing, the
// next attempt has the same nonce.
import { firingEmbed, firingOf } from './messages.mjs';

const RECORD = 'discord'; // the channel of the API's records
const MOST_EMBEDS = 10;
const TOO_LATE_MS = 86_400_000;
// Nobody can be told there: the channel is gone, or the bot may not write in it.
const FINAL = new Set([10003, 10004, 50001, 50007, 50013, 50278]);

/** {user, channel} of "discord:<user>:<channel>", else null. */
export function destinationOf(owner) {
  const [, user, channel] = /^discord:(\d+):(\d+)$/.exec(owner) ?? [];
  return channel ? { user, channel } : null;
}

export class Deliveries {
  /** `send(channel, body)` returns Discord's message. `channel`: of firings that were not made in Discord; '' leaves them. */
  constructor({ api, send, channel = '', say = () => {} }) {
    Object.assign(this, { api, send, channel, say, delivered: 0, after: 0 });
  }

  /** One look at what is to be told. Throws what may pass: the next turn tries again. */
  async turn() {
    const firings = await this.#pending();
    if (firings.length === 0) return;
    const { exchange_now: now } = await this.api.get('/api/v1/health/ready');
    const groups = new Map();
    for (const firing of firings) {
      const key = `${firing.to.channel} ${firing.as_of_close_time}`;
      groups.set(key, [...(groups.get(key) ?? []), firing]);
    }
    let fault;
    for (const group of groups.values()) {
      try {
        for (let i = 0; i < group.length; i += MOST_EMBEDS) await this.#tell(group.slice(i, i + MOST_EMBEDS), now);
      } catch (error) {
        fault ??= error; // one channel's trouble is not another's
      }
    }
    if (fault) throw fault;
  }

  async #pending() {
    const mine = [];
    let last = this.after;
    for (;;) {
      const page = await this.api.get(`/api/v1/firings?undelivered_to=${RECORD}&after=${last}&limit=100`);
      for (const firing of page.firings) {
        const to = destinationOf(firing.owner) ?? (this.channel && !firing.owner.startsWith('discord:') ? { channel: this.channel } : null);
        if (to) mine.push({ ...firing, to });
        last = firing.id;
      }
      if (page.next_after === null) break;
    }
    this.after = mine.length > 0 ? mine[0].id - 1 : last; // what is before it is done, or not for this bot
    return mine;
  }

  async #tell(firings, now) {
    const fresh = firings.filter((firing) => now - firing.at <= TOO_LATE_MS);
    await this.#record(firings.filter((firing) => !fresh.includes(firing)), 'failed', 'older than a day');
    for (let rest = fresh; rest.length > 0; ) {
      const users = [...new Set(rest.map((firing) => firing.to.user).filter(Boolean))];
      const body = {
        content: users.map((user) => `<@${user}>`).join(' '), embeds: rest.map((firing) => firingEmbed(firing, now)),
        nonce: `mop-${rest[0].id}`, enforce_nonce: true, allowed_mentions: { parse: [], users },
      };
      let message;
      try {
        message = await this.send(rest[0].to.channel, body);
      } catch (error) {
        if (!FINAL.has(error.code)) throw error;
        await this.#record(rest, 'failed', `${error.code} ${error.message}`.slice(0, 300));
        await this.say({ trouble: `channel ${rest[0].to.channel}: ${error.message}` });
        return;
      }
      const carried = new Set(message.embeds.map(firingOf));
      const told = rest.filter((firing) => carried.has(firing.id));
      if (told.length === 0) throw new Error(`message ${message.id} carries none of what was sent`);
      await this.#record(told, 'delivered', `channel ${rest[0].to.channel} message ${message.id}`);
      this.delivered += told.length;
      rest = rest.filter((firing) => !carried.has(firing.id));
    }
  }

  async #record(firings, outcome, detail) {
    for (const firing of firings.toReversed()) await this.api.post(`/api/v1/firings/${firing.id}/deliveries`, { channel: RECORD, outcome, detail });
  }
}
