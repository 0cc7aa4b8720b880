import { championName, isBaseline } from '../format';

/** Who forecasts; a baseline is marked, since no model was good enough. */
export function Champion({ name, reason }: { name: string; reason: string }) {
  return <span class={isBaseline(name) ? 'tag warn' : 'tag'} title={reason || undefined}>{championName(name)}</span>;
}
