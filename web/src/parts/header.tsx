import { useEffect, useState } from 'preact/hooks';
import { LENGTH_MS, clock, duration } from '../format';
import { page } from '../router';
import { connection, exchangeNow, health, trouble } from '../state';

const PAGES = [['forecasts', 'Forecasts'], ['scores', 'Scores'], ['alerts', 'Alerts'], ['health', 'Health']] as const;
const STATES = { connecting: 'connecting', live: 'live', lost: 'connection lost', locked: 'needs a token' };

// Ticks every second; the exchange's clock, and how long its next close is away.
function Clock() {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const now = exchangeNow();
  if (now === 0) return null;
  const quarter = LENGTH_MS['15m'] ?? 0;
  return (
    <span class="clock" title="The exchange's clock, and how long the next candle's close is away">
      <time>{clock(now)}</time> · next close in {duration(quarter - (now % quarter))}
    </span>
  );
}

function State() {
  const live = connection.value === 'live';
  const stream = health.value?.stream ?? '';
  const well = live && stream === 'connected';
  const text = live ? (stream === 'connected' ? 'live' : `exchange ${stream.split(':')[0]}`) : STATES[connection.value];
  return <span class={`state ${well ? 'good' : 'bad'}`} role="status" title={live ? `stream ${stream}` : trouble.value}>{text}</span>;
}

export function Header() {
  const current = page.value.name === 'series' ? 'forecasts' : page.value.name;
  return (
    <header>
      <a class="name" href="#/">MOP</a>
      <nav aria-label="Pages">
        {PAGES.map(([name, title]) => (
          <a key={name} href={`#/${name === 'forecasts' ? '' : name}`} aria-current={current === name ? 'page' : undefined}>{title}</a>
        ))}
      </nav>
      <Clock />
      <State />
    </header>
  );
}
