// The dashboard in Debian's Chromium, in front of a real server: what it shows is what the API says.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { startDriver } from './driver.mjs';

const TOKEN = 'e2e-token-0123456789';
const PAGES = ['', 'series/BTCUSDT/1h', 'scores', 'alerts', 'health'];
const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

let browser, open, locked;
before(async () => {
  assert.ok(browserPath, 'there is no Chromium; scripts/bootstrap.sh test installs it');
  open = await startDriver();
  locked = await startDriver(TOKEN);
  const front = await fetch(open.url);
  assert.equal(front.status, 200, await front.text());
  browser = await chromium.launch({
    executablePath: browserPath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});
after(() => Promise.all([browser?.close(), open?.stop(), locked?.stop()]));

// A claim about pages in a window of its own, in which nothing may fail and nobody else may be asked.
function claim(name, body, options = {}) {
  test(name, async () => {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const wrong = [];
    page.on('console', (message) => message.type() === 'error' && wrong.push(message.text()));
    page.on('pageerror', (error) => wrong.push(String(error)));
    page.on('request', (request) => [open.url, locked.url, 'data:'].some((own) => request.url().startsWith(own)) || wrong.push(`asked ${request.url()}`));
    try {
      await body(page, { wrong, context });
      assert.deepEqual(wrong, []);
    } finally {
      await context.close();
    }
  });
}

const get = async (server, path) => (await fetch(`${server.url}/api/v1/${path}`, { headers: { Authorization: `Bearer ${TOKEN}` } })).json();
const price = (value) => {
  const digits = value >= 100 ? 2 : value >= 1 ? 4 : 6;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
};
const row = (page, table, text) => page.getByRole('table', { name: table, exact: true }).getByRole('row').filter({ hasText: text }).first();
const shows = (place, text) => place.getByText(text, { exact: true }).first().waitFor();

claim('the first page shows every coin, and the forecast that the ledger has', async (page) => {
  await page.goto(open.url);
  const { series } = await get(open, 'series');
  const forecast = await get(open, 'series/BTCUSDT/1h/forecast');
  const btc = row(page, 'Forecasts', 'BTC');
  await shows(btc, price(forecast.close));
  await shows(btc, `${(100 * forecast.steps[0].p_up).toFixed(1)} %`);
  assert.equal(await page.getByRole('table', { name: 'Forecasts' }).locator('tbody tr').count(), series.filter((one) => one.timeframe === '1h').length);
  await page.getByRole('button', { name: '15m' }).click();
  const quarter = await get(open, 'series/BTCUSDT/15m/forecast');
  await shows(row(page, 'Forecasts', 'BTC'), price(quarter.close));
  await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
});

claim('a close changes what is shown, without reading the page again', async (page) => {
  await page.goto(open.url);
  const before = await get(open, 'series/BTCUSDT/1h/forecast');
  await shows(row(page, 'Forecasts', 'BTC'), price(before.close));
  open.say('close');
  let after = before;
  while (after.seq === before.seq) after = await get(open, 'series/BTCUSDT/1h/forecast');
  assert.notEqual(price(after.close), price(before.close));
  await shows(row(page, 'Forecasts', 'BTC'), price(after.close));
  await page.getByRole('complementary', { name: 'Alerts' }).getByText('BTCUSDT 1h closed at 101, above 100').waitFor();
  await page.getByRole('button', { name: 'Put away' }).click();
  assert.equal(await page.getByRole('complementary', { name: 'Alerts' }).locator('p').count(), 0);
});

claim('tables are filtered by a coin and sorted by a column', async (page) => {
  await page.goto(open.url);
  await page.getByLabel('Coin').fill('eth');
  const table = page.getByRole('table', { name: 'Forecasts' });
  await table.locator('tbody tr').nth(1).waitFor({ state: 'detached' });
  assert.deepEqual(await table.locator('tbody b').allTextContents(), ['ETH']);
  await page.getByLabel('Coin').fill('');
  await page.getByRole('button', { name: 'Coin' }).click();
  await table.getByRole('columnheader', { name: 'Coin' }).and(page.locator('[aria-sort=ascending]')).waitFor();
  const coins = await table.locator('tbody b').allTextContents();
  assert.ok(coins.length > 20);
  assert.deepEqual(coins, [...coins].sort());
});

claim("a coin's page draws the chart and tells its forecasts, what came of them and what was missed", async (page) => {
  await page.goto(open.url);
  await page.getByRole('link', { name: 'BTC' }).click();
  await page.getByRole('heading', { name: 'BTC 1h' }).waitFor();
  const forecast = await get(open, 'series/BTCUSDT/1h/forecast');
  const steps = page.getByRole('table', { name: 'The next closes' }).locator('tbody tr');
  assert.equal(await steps.count(), forecast.steps.length);
  await shows(steps.nth(0), price(forecast.steps[0].median));
  const record = await get(open, 'series/BTCUSDT/1h/track-record?limit=200');
  const rows = page.getByRole('table', { name: 'Track record' }).locator('tbody tr');
  await rows.first().waitFor();
  assert.equal(await rows.count(), record.forecasts.length + record.missed.length);
  await rows.filter({ hasText: `missed: ${record.missed[0].reason}` }).waitFor();
  const past = record.forecasts.find((one) => one.scores.length > 0);
  await rows.filter({ hasText: past.hash.slice(0, 8) }).filter({ hasText: past.scores[0].inside['90'] ? 'inside' : 'outside' }).waitFor();
  await page.locator('.tile').filter({ hasText: 'inside the 90 % interval' }).getByText(`${(100 * record.scores.coverage['90']).toFixed(1)} %`).waitFor();
  const colours = await page.locator('.chart canvas').first().evaluate((canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(colours > 10, `${colours} colours are drawn`);
});

claim('pointing at a candle tells its prices and the band it was forecast to close in', async (page) => {
  await page.goto(`${open.url}/#/series/BTCUSDT/1h`);
  await page.getByRole('table', { name: 'Track record' }).waitFor();
  const chart = await page.locator('.chart').boundingBox();
  await page.mouse.move(chart.x + 0.6 * chart.width, chart.y + 0.5 * chart.height);
  await page.locator('figcaption').filter({ hasText: /^open [\d,.]+, high .* close forecast between [\d,.]+ and [\d,.]+ \(90 %\)/ }).waitFor();
});

claim('where a token is needed the page asks for it, and says when it was refused', async (page, { wrong }) => {
  await page.goto(locked.url);
  await page.getByLabel('MOP_API_TOKEN').fill('not-the-right-token');
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('That was refused').waitFor();
  await page.getByLabel('MOP_API_TOKEN').fill(TOKEN);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByRole('table', { name: 'Forecasts' }).waitFor();
  assert.ok(wrong.length >= 2 && wrong.every((text) => text.includes('401')), wrong.join('\n'));
  wrong.length = 0;
});

claim('an alert is tried, made, switched off and deleted; what crossed is told', async (page, { wrong }) => {
  await page.goto(`${locked.url}/#/alerts`);
  await page.getByLabel('MOP_API_TOKEN').fill(TOKEN);
  await page.getByRole('button', { name: 'Go on' }).click();
  await page.getByText('There are none yet.').waitFor();
  const form = page.getByRole('form', { name: 'New alert' });
  await form.getByLabel('Tell me of').selectOption({ label: 'Probability of a rise' });
  await form.getByLabel('Coin').selectOption('BTCUSDT');
  await form.getByRole('spinbutton', { name: 'probability' }).fill('52');
  await form.getByRole('button', { name: 'How often' }).click();
  await form.getByRole('status').filter({ hasText: /^Over the last [\d.]+ days of forecasts it would have come/ }).waitFor();
  assert.deepEqual((await get(locked, 'alerts')).alerts, []);
  await form.getByRole('spinbutton', { name: 'probability' }).fill('200');
  await form.getByRole('button', { name: 'Make it' }).click();
  await form.locator('.bad').filter({ hasText: 'threshold' }).waitFor();
  await form.getByRole('spinbutton', { name: 'probability' }).fill('52');
  await form.getByRole('button', { name: 'Make it' }).click();
  const made = row(page, 'Alerts', 'BTC, 15m and 1h: probability of a rise above 52 %');
  await made.waitFor();
  const { alerts: [{ id, spec }] } = await get(locked, 'alerts');
  assert.equal(spec.threshold, 0.52);
  locked.say('fire 2');
  await page.getByRole('table', { name: 'Firings' }).getByText('BTCUSDT closed at 101, above 100').waitFor();
  await page.getByRole('button', { name: 'Switch off' }).click();
  await row(page, 'Alerts', 'Switch on').waitFor();
  assert.equal((await get(locked, `alerts/${id}`)).spec.enabled, false);
  page.once('dialog', (dialog) => dialog.accept());
  await made.getByRole('button', { name: 'Delete' }).click();
  await page.getByText('There are none yet.').waitFor();
  assert.deepEqual((await get(locked, 'alerts')).alerts, []);
  wrong.splice(0, wrong.length, ...wrong.filter((text) => !text.includes('401') && !text.includes('400')));
});

claim('a server without a token says how alerts come to be', async (page, { wrong }) => {
  await page.goto(`${open.url}/#/alerts`);
  await page.getByLabel('MOP_API_TOKEN').fill('any-token-0123456789');
  await page.getByRole('button', { name: 'Use it' }).click();
  await page.getByRole('form', { name: 'New alert' }).getByRole('button', { name: 'Make it' }).click();
  await page.getByText('start with MOP_API_TOKEN set').waitFor();
  wrong.splice(0, wrong.length, ...wrong.filter((text) => !text.includes('403')));
});

claim('when the connection is lost it says that what is shown may be old', async (page, { wrong }) => {
  const server = await startDriver();
  page.removeAllListeners('request');
  await page.goto(server.url);
  await page.getByRole('status').filter({ hasText: 'live' }).waitFor();
  await server.stop();
  await page.getByText('What you see may be old').waitFor();
  await page.getByRole('table', { name: 'Forecasts' }).waitFor();
  wrong.length = 0;  // the browser reports the broken connection
});

for (const [device, options] of [['a telephone', { viewport: { width: 390, height: 844 } }], ['a desk, in the dark', { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }]]) {
  claim(`no page is wider than ${device}`, async (page) => {
    for (const address of PAGES) {
      await page.goto('about:blank');  // another address behind # would not load it anew
      await page.goto(`${open.url}/#/${address}`);
      await page.locator('main h1').waitFor();
      await page.locator('.none, table').first().waitFor();
      const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= room, `#/${address} is ${wide} pixels wide, the window ${room}`);
    }
  }, options);
}
