import { api, type Model } from '../api';
import { closeTime, duration } from '../format';
import { useAsked } from '../parts/ask';
import { SortedTable, type Column } from '../parts/table';
import { health } from '../state';

const columns: Column<Model>[] = [
  { title: 'Model', left: true, by: (row) => row.id, cell: (row) => <b>{row.id}</b> },
  { title: 'Learnt until', by: (row) => row.trained_until, cell: (row) => closeTime(row.trained_until) },
  { title: 'Age', by: (row) => row.age_s, cell: (row) => duration(1000 * row.age_s) },
  { title: 'State', left: true, by: (row) => (row.expired ? 0 : row.certified ? 2 : 1),
    cell: (row) => (row.expired ? <span class="bad">too old to forecast: a baseline does</span> : row.certified ? 'certified' : <span class="bad">{row.certificate_mark || 'not certified'}</span>) },
  { title: 'SHA-256', left: true, cell: (row) => <code title={row.sha256}>{row.sha256.slice(0, 12)}</code> },
];

export function HealthPage() {
  const state = health.value;
  const models = useAsked(api.models, [state?.last_close]);
  if (!state) return <p class="none">mop serve is not ready yet: models are loaded and history is replayed.</p>;
  const facts: [string, string, string][] = [
    ['Stream', state.stream, 'the exchange’s WebSocket; without it REST is asked at every close'],
    ['Newest close', closeTime(state.last_close), 'that was forecast'],
    ['Forecasts', state.forecasts.toLocaleString('en-US'), 'written to the ledger since the start'],
    ['Missed', state.missed.toLocaleString('en-US'), 'closes that were not forecast in time; each is in the ledger with its reason'],
    ['Close to ledger', `${state.close_to_ledger_ms.toFixed(1)} ms`, 'at the newest close, from its last candle to the commit'],
    ['Reconnects', String(state.reconnects), 'of the stream'],
    ['REST requests', state.rest_requests.toLocaleString('en-US'), 'since the start'],
    ['Late candles', String(state.late_candles), 'that came after their close was passed'],
    ['Stale', state.stale_series.join(', ') || 'none', 'series without a candle for more than two candles'],
  ];
  return (
    <>
      <h1>Health</h1>
      <dl class="card facts">
        {facts.map(([name, value, meaning]) => <div key={name}><dt>{name}</dt><dd><b>{value}</b> <small>{meaning}</small></dd></div>)}
      </dl>
      <h2>Models</h2>
      {models.error && <p class="bad">{models.error}</p>}
      {models.value && (models.value.models.length === 0
        ? <p class="none">No model is loaded: baselines forecast. <code>mop train</code> makes models.</p>
        : <SortedTable rows={models.value.models} columns={columns} keyOf={(row) => row.id} label="Models" />)}
    </>
  );
}
