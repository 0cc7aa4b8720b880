/** The colours of style.css, which follow the viewer's theme. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return { ink: of('ink'), soft: of('soft'), rule: of('rule'), up: of('good'), down: of('bad'), fan: of('c1') };
}
