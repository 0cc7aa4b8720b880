import { useState } from 'preact/hooks';
import { ApiError, api, setToken, token, type Alert, type AlertKind, type Firing } from '../api';
import { KINDS, emptyDraft, formOf, record, sentence, wishOf, type Draft } from '../alert_kinds';
import { closeTime } from '../format';
import { useAsked } from '../parts/ask';
import { seriesAddress } from '../router';
import { firingsSeen, series } from '../state';

const FIRINGS = 50;
const OUTCOMES: Record<Firing['outcome'], string> = { sent: 'sent', quiet: 'not sent: quiet hours', cooldown: 'not sent: too soon after the last', budget: 'not sent: enough for today', missed: 'not sent: found too late' };

/** Changing something takes a token, also on this machine. */
function WriteToken({ refused }: { refused: string }) {
  const [text, setText] = useState('');
  return (
    <form class="inline" onSubmit={(event) => {
      event.preventDefault();
      setToken(text.trim());
    }}>
      <p>{refused || 'Alerts are made and changed with the token that mop serve was started with (MOP_API_TOKEN). It stays in this tab of your browser.'}</p>
      <label>MOP_API_TOKEN <input type="password" name="token" autocomplete="off" required value={text} onInput={(event) => setText(event.currentTarget.value)} /></label>
      <button type="submit">Use it</button>
    </form>
  );
}

function Fields({ draft, change }: { draft: Draft; change: (part: Partial<Draft>) => void }) {
  const form = formOf(draft.kind);
  const symbols = [...new Set(series.value.map((one) => one.symbol))];
  return (
    <div class="fields">
      <label>Coin <select name="symbol" value={draft.symbol} onChange={(event) => change({ symbol: event.currentTarget.value })}>
        {!form.oneSeries && <option value="">every coin</option>}
        {symbols.map((symbol) => <option key={symbol} value={symbol}>{symbol}</option>)}
      </select></label>
      <label>Candles <select name="timeframe" value={draft.timeframe} onChange={(event) => change({ timeframe: event.currentTarget.value })}>
        {!form.oneSeries && <option value="">15m and 1h</option>}
        <option value="15m">15m</option>
        <option value="1h">1h</option>
      </select></label>
      {form.sides && <label>Side <select name="side" value={draft.side} onChange={(event) => change({ side: event.currentTarget.value })}>
        {form.sides.map((side) => <option key={side} value={side}>{side === 'either' ? 'either way' : side}</option>)}
      </select></label>}
      {form.threshold && <label>{form.threshold.label} <input type="number" name="threshold" step="any" required value={draft.threshold} onInput={(event) => change({ threshold: event.currentTarget.value })} /> {form.threshold.unit}</label>}
      {form.candles && <label>{form.candles.label} <input type="number" name="candles" min="1" max={form.candles.most} required value={draft.candles} onInput={(event) => change({ candles: event.currentTarget.value })} /></label>}
    </div>
  );
}

function NewAlert({ made, refusedToken }: { made: () => void; refusedToken: (why: string) => void }) {
  const [draft, setDraft] = useState(() => emptyDraft('spike', ''));
  const [said, setSaid] = useState({ text: '', bad: false });
  const begin = (kind: AlertKind) => {
    setDraft(emptyDraft(kind, series.value[0]?.symbol ?? ''));
    setSaid({ text: '', bad: false });
  };
  const attempt = async (what: () => Promise<string>) => {
    try {
      setSaid({ text: await what(), bad: false });
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.status === 403)) refusedToken(error.message);
      else setSaid({ text: error instanceof Error ? error.message : String(error), bad: true });
    }
  };
  const make = () => attempt(async () => {
    const alert = await api.addAlert(wishOf(draft));
    made();
    return `Alert ${alert.id} is made. ${alert.back_score ? record(alert.back_score) : ''}`;
  });
  const preview = () => attempt(async () => record((await api.previewAlert(wishOf(draft))).back_score));
  return (
    <form class="card" aria-label="New alert" onSubmit={(event) => {
      event.preventDefault();
      void make();
    }}>
      <h2>New alert</h2>
      <label>Tell me of <select name="kind" value={draft.kind} onChange={(event) => begin(event.currentTarget.value as AlertKind)}>
        {KINDS.map(({ kind, title }) => <option key={kind} value={kind}>{title}</option>)}
      </select></label>
      <p class="lead">{formOf(draft.kind).explained}</p>
      <Fields draft={draft} change={(part) => setDraft({ ...draft, ...part })} />
      <p>
        <button type="submit">Make it</button> <button type="button" onClick={(event) => event.currentTarget.form?.reportValidity() && void preview()}>How often would it have come?</button>
      </p>
      {said.text && <p class={said.bad ? 'bad' : ''} role="status">{said.text}</p>}
    </form>
  );
}

function AlertRow({ alert, changed, failed }: { alert: Alert; changed: () => void; failed: (why: string) => void }) {
  const { spec } = alert;
  const then = (done: Promise<unknown>) => done.then(changed, (error: Error) => failed(error.message));
  return (
    <tr class={spec.enabled ? '' : 'off'}>
      <td class="w">{alert.id}</td>
      <td class="w wrap">{sentence(spec)}{spec.note && <small> {spec.note}</small>}</td>
      <td class="w">{spec.owner || <small>nobody</small>}</td>
      <td class="w">{spec.enabled ? 'on' : 'off'}</td>
      <td class="w">
        <button type="button" disabled={!token.value} onClick={() => then(api.switchAlert(alert.id, !spec.enabled))}>{spec.enabled ? 'Switch off' : 'Switch on'}</button>{' '}
        <button type="button" disabled={!token.value} onClick={() => confirm(`Delete alert ${alert.id}?`) && then(api.removeAlert(alert.id))}>Delete</button>
      </td>
    </tr>
  );
}

/** All pages of them. */
async function allAlerts(): Promise<Alert[]> {
  const all: Alert[] = [];
  for (let after: number | null = 0; after !== null;) {
    const page: Awaited<ReturnType<typeof api.alerts>> = await api.alerts(after);
    all.push(...page.alerts);
    after = page.next_after ?? null;
  }
  return all;
}

export function AlertsPage() {
  const [changes, setChanges] = useState(0);
  const [refused, setRefused] = useState('');
  const [failure, setFailure] = useState('');
  const again = () => {
    setFailure('');
    setChanges((count) => count + 1);
  };
  const alerts = useAsked(allAlerts, [changes, firingsSeen.value]);
  const firings = useAsked(() => api.newestFirings(FIRINGS), [firingsSeen.value]);
  const refuse = (why: string) => {
    setToken('');
    setRefused(why);
  };
  return (
    <>
      <h1>Alerts</h1>
      <p class="lead">Each is looked at when a candle closes, and told here, on the stream of events and by the bot; once, and never late.</p>
      {token.value ? <NewAlert made={again} refusedToken={refuse} /> : <WriteToken refused={refused} />}
      {(failure || alerts.error || firings.error) && <p class="bad">{failure || alerts.error || firings.error}</p>}
      {alerts.value?.length === 0 && <p class="none">There are none yet.</p>}
      {alerts.value && alerts.value.length > 0 && (
        <div class="scroll"><table aria-label="Alerts">
          <thead><tr><th class="w">#</th><th class="w">tells of</th><th class="w">owner</th><th class="w">state</th><th class="w" /></tr></thead>
          <tbody>{alerts.value.map((alert) => <AlertRow key={alert.id} alert={alert} changed={again} failed={setFailure} />)}</tbody>
        </table></div>
      )}
      <h2>What crossed</h2>
      {firings.value?.firings.length === 0 && <p class="none">Nothing yet.</p>}
      {firings.value && firings.value.firings.length > 0 && (
        <div class="scroll"><table aria-label="Firings">
          <thead><tr><th class="w">at the close</th><th class="w">alert</th><th class="w">what</th><th class="w">then</th></tr></thead>
          <tbody>
            {firings.value.firings.map((firing) => (
              <tr key={firing.id} class={firing.outcome === 'sent' ? '' : 'off'}>
                <td class="w">{closeTime(firing.as_of_close_time)}</td><td class="w">{firing.alert}</td>
                <td class="w wrap"><a href={seriesAddress(firing.symbol, firing.timeframe)}>{firing.text}</a></td><td class="w">{OUTCOMES[firing.outcome]}</td>
              </tr>
            ))}
          </tbody>
        </table></div>
      )}
    </>
  );
}
