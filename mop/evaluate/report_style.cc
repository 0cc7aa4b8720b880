#include "mop/evaluate/report_style.h"

namespace mop::evaluate {

std::string_view report_style() {
  return R"css(
:root { color-scheme: light dark;
  --bg: #fbfbfa; --card: #ffffff; --ink: #1b1d21; --soft: #5d636e; --faint: #8b919c; --rule: #e4e5e8;
  --c1: #2458d3; --c2: #c2570c; --c3: #7a808b; --bad: #c0303a; --good: #1c7c4a;
  --warn-bg: #fff5e5; --warn-ink: #7c4a03; }
@media (prefers-color-scheme: dark) { :root {
  --bg: #131519; --card: #1a1d22; --ink: #e7e9ec; --soft: #a3aab6; --faint: #7b828e; --rule: #2c3037;
  --c1: #7ea6ff; --c2: #f09a55; --c3: #949ba7; --bad: #f07178; --good: #5cc48d;
  --warn-bg: #33270f; --warn-ink: #f2c879; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--ink); -webkit-text-size-adjust: 100%;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
main { max-width: 1160px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 26px; line-height: 1.25; letter-spacing: -0.01em; margin: 4px 0 12px; font-weight: 650; text-wrap: balance; }
h2 { font-size: 18px; margin: 48px 0 4px; font-weight: 650; }
h3 { font-size: 14px; margin: 24px 0 8px; font-weight: 600; color: var(--soft); }
p { margin: 0 0 12px; max-width: 72ch; }
a { color: var(--c1); text-decoration: none; } a:hover { text-decoration: underline; }
nav, .chips { display: flex; flex-wrap: wrap; gap: 6px 16px; margin: 16px 0; font-size: 14px; }
.chips a { border: 1px solid var(--rule); background: var(--card); border-radius: 16px; padding: 3px 12px; }
.chips { gap: 8px; margin-top: 8px; }
.coin { display: none; } .coin:target { display: block; } .coin:target ~ #overview { display: none; }
.coin h1 { margin-top: 20px; }
.kicker, .lead { color: var(--soft); }
.kicker { font-size: 13px; margin: 0; }
.none { color: var(--soft); padding: 24px 0; }
.card { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 16px; }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 330px), 1fr)); gap: 16px; margin-top: 12px; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 14px; font-weight: 600; line-height: 1.35; margin-bottom: 8px; }
figcaption small { display: block; font-weight: 400; font-size: 12.5px; color: var(--soft); }
svg { display: block; width: 100%; height: auto; max-width: 440px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(45%, 140px), 1fr)); gap: 12px; margin: 8px 0 16px; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; }
.tile b { display: block; font-size: 22px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile span { font-size: 12.5px; color: var(--soft); display: block; line-height: 1.4; }
.verdict { margin: 0 0 6px; max-width: none; }
.verdict b { font-weight: 600; }
.warning { background: var(--warn-bg); color: var(--warn-ink); border-radius: 10px; padding: 12px 16px; margin: 16px 0; }
.warning p { margin: 0; max-width: none; }
.scroll { overflow-x: auto; margin-top: 12px; border: 1px solid var(--rule); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 6px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; color: var(--soft); font-size: 12px; vertical-align: bottom; }
th.w, td.w { text-align: left; }
td.wrap { white-space: normal; text-align: left; min-width: 150px; }
tbody tr:last-child td { border-bottom: 0; }
tr.pool td { font-weight: 600; }
th:first-child, td:first-child { position: sticky; left: 0; background: var(--card); text-align: left; }
td.explained { white-space: normal; min-width: 150px; } td small { color: var(--soft); font-size: 12px; margin-left: 6px; }
.good { color: var(--good); } .bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 20px; margin: 12px 0 0; font-size: 14px; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
details { margin-top: 10px; } summary { cursor: pointer; font-weight: 600; font-size: 14px; padding: 4px 0; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 16px; margin-top: 6px; font-size: 12.5px; color: var(--soft); }
.legend i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 6px; vertical-align: middle; }
.legend i.area { height: 10px; }
.legend i.dash { background: repeating-linear-gradient(90deg, var(--c1) 0 4px, transparent 4px 7px); }
.legend i.k2.dash { background: repeating-linear-gradient(90deg, var(--c2) 0 4px, transparent 4px 7px); }
.k1 { background: var(--c1); } .k2 { background: var(--c2); } .k3 { background: var(--c3); }
.kink { background: var(--ink); } .kbad { background: var(--bad); }
.k50 { background: var(--c1); opacity: .42; } .k90 { background: var(--c1); opacity: .2; }
footer { margin-top: 56px; font-size: 12.5px; color: var(--soft); }
svg text { font: 11px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
.t { fill: var(--soft); font-variant-numeric: tabular-nums; } .al { fill: var(--faint); }
.g { stroke: var(--rule); stroke-width: 1; fill: none; } .ax { stroke: var(--faint); stroke-width: 1; fill: none; }
.ref { stroke: var(--faint); stroke-width: 1.2; stroke-dasharray: 4 3; fill: none; }
.l1, .l2, .l3, .actual { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.l1 { stroke: var(--c1); } .l2 { stroke: var(--c2); } .l3 { stroke: var(--c3); }
svg .dash { stroke-dasharray: 5 4; }
.actual { stroke: var(--ink); stroke-width: 1.5; }
.d1 { fill: var(--c1); } .d2 { fill: var(--c2); } .d3 { fill: var(--c3); }
.d1, .d2, .d3 { stroke: var(--card); stroke-width: 1.5; }
.b1, .better { fill: var(--c1); } .unsure { fill: var(--c1); opacity: .38; } .worse { fill: var(--bad); }
.f50 { fill: var(--c1); opacity: .3; } .f90 { fill: var(--c1); opacity: .16; }
@media (max-width: 520px) { main { padding: 24px 14px 48px; } h1 { font-size: 22px; } .card { padding: 12px; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: 8px; }
  td small { display: block; margin: 0; } }
@media print { .coin, .coin:target ~ #overview { display: block; } .coin { break-after: page; } .card, .tile, .scroll { break-inside: avoid; } }
)css";
}

}  // namespace mop::evaluate
