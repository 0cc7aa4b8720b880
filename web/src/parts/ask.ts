import { useEffect, useState } from 'preact/hooks';

export interface Asked<T> {
  value: T | null;
  error: string;
}

/** What `ask` answers, asked again when one of `on` changes; what was answered before stays until then. */
export function useAsked<T>(ask: () => Promise<T>, on: unknown[]): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ value: null, error: '' });
  useEffect(() => {
    let current = true;
    ask().then(
      (value) => current && setAsked({ value, error: '' }),
      (error: unknown) => current && setAsked((before) => ({ ...before, error: error instanceof Error ? error.message : String(error) })),
    );
    return () => {
      current = false;
    };
  }, on);
  return asked;
}
