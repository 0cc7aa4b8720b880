import { AlertsPage } from './pages/alerts';
import { ForecastsPage } from './pages/forecasts';
import { HealthPage } from './pages/health';
import { ScoresPage } from './pages/scores';
import { SeriesPage } from './pages/series';
import { Header } from './parts/header';
import { Told } from './parts/told';
import { TokenForm } from './parts/token_form';
import { page } from './router';
import { connection, loaded, needsToken, trouble } from './state';

function Content() {
  const at = page.value;
  switch (at.name) {
    case 'series': return <SeriesPage key={`${at.symbol} ${at.timeframe}`} symbol={at.symbol} timeframe={at.timeframe} />;
    case 'scores': return <ScoresPage />;
    case 'alerts': return <AlertsPage />;
    case 'health': return <HealthPage />;
    default: return <ForecastsPage />;
  }
}

function Body() {
  if (needsToken.value) return <TokenForm />;
  if (!loaded.value) return <p class="none">{connection.value === 'lost' ? trouble.value : 'Reading what mop serve knows …'}</p>;
  return <Content />;
}

export function App() {
  return (
    <>
      <Header />
      {loaded.value && connection.value === 'lost' && (
        <p class="banner" role="status">What you see may be old: {trouble.value}. Trying again.</p>
      )}
      <main><Body /></main>
      <Told />
      <footer>
        Times are UTC. Every forecast is in the ledger before it is shown; <code>mop ledger verify</code> checks the chain.
        Charts by <a href="https://www.tradingview.com/" rel="noreferrer">TradingView</a> Lightweight Charts™,
        copyright (c) 2025 TradingView, Inc.
      </footer>
    </>
  );
}
