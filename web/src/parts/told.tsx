import { closeTime } from '../format';
import { page } from '../router';
import { told } from '../state';

/** Alerts that were sent while the page was open, until they are put away. Their own page lists them. */
export function Told() {
  const firings = page.value.name === 'alerts' ? [] : told.value;
  return (
    <aside class="told" aria-live="polite" aria-label="Alerts">
      {firings.slice(0, 3).map((firing) => (
        <p key={firing.id}>
          <b>{firing.text}</b> <small>{closeTime(firing.as_of_close_time)}</small>
          <button type="button" class="plain" aria-label="Put away" onClick={() => (told.value = told.value.filter((one) => one.id !== firing.id))}>×</button>
        </p>
      ))}
      {firings.length > 3 && (
        <p>{firings.length - 3} more on <a href="#/alerts" onClick={() => (told.value = [])}>the alerts' page</a></p>
      )}
    </aside>
  );
}
