#include "mop/evaluate/report_tables.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "mop/base/escape_html.h"

namespace mop::evaluate {
namespace {

struct Cell {
  std::string text;
  std::string_view css_class = "";
};

struct Column {
  std::string_view name;
  std::string_view meaning;  // shown as a tooltip
  std::string_view css_class = "";
};

std::string head(std::span<const Column> columns) {
  std::string html = "<div class=\"scroll\"><table><thead><tr>";
  for (const Column& c : columns) {
    html += fmt::format("<th class=\"{}\" title=\"{}\">{}</th>", c.css_class, escape_html(c.meaning),
                        escape_html(c.name));
  }
  return html + "</tr></thead><tbody>";
}

std::string row(std::span<const Cell> cells, std::string_view css_class = "") {
  std::string html = fmt::format("<tr class=\"{}\">", css_class);
  for (const Cell& c : cells)
    html += fmt::format("<td class=\"{}\">{}</td>", c.css_class, escape_html(c.text));
  return html + "</tr>";
}

constexpr std::string_view kTail = "</tbody></table></div>";

Cell plain(double x, const char* format) {
  return {figure_or_dash(x, format)};
}
Cell percent(double share) {
  return {figure_or_dash(100.0 * share, "{:.1f}")};
}

Cell skill(double pct, double p) {
  const std::string_view tone = pct < 0.0 ? "bad" : pct > 0.0 && p < 0.05 ? "good" : "";
  return {figure_or_dash(pct, "{:+.2f}"), tone};
}

Cell p_value(double p) {
  return {p < 0.001 ? "<0.001" : figure_or_dash(p, "{:.3f}")};
}

Cell interval(const Bounds& b) {
  if (!std::isfinite(b.lo)) return {"\u2013"};
  return {fmt::format("{:.1f}\u2013{:.1f}", 100.0 * b.lo, 100.0 * b.hi)};
}

std::string name_of(const SeriesScores& s) {
  return fmt::format("{} {}", s.symbol, market::to_string(s.interval));
}

constexpr Column kScoreColumns[] = {
    {"series", ""},
    {"model", "kind of model that was trained", "w"},
    {"champion", "best on the validation block, before scoring: the model or a baseline", "w"},
    {"candles", "scored candles"},
    {"vs static %", "pinball loss below the static baseline's"},
    {"vs EWMA %", "pinball loss below the EWMA baseline's; green when Diebold-Mariano p < 0.05"},
    {"p", "Diebold-Mariano against EWMA, two-sided"},
    {"vs HAR %", "pinball loss below the HAR baseline's; green when Diebold-Mariano p < 0.05"},
    {"p", "Diebold-Mariano against HAR, two-sided"},
    {"pinball", "mean pinball loss of z, in sigma"},
    {"50 %", "observed coverage of the central 50 % interval, percent"},
    {"80 %", "observed coverage of the central 80 % interval, percent"},
    {"90 %", "observed coverage of the central 90 % interval, percent"},
    {"95 %", "observed coverage of the central 95 % interval, percent"},
    {"90 % wild", "coverage of the 90 % interval in the top tenth of volatility, percent"},
    {"direction %", "right direction on moves of more than 2 ticks"},
    {"95 % int.", "Wilson interval; for pools bootstrap over days"},
    {"MAE ratio", "mean absolute error over persistence's; below 1 is better"},
    {"MAPE %", "of the median forecast"},
    {"persist. %", "MAPE of repeating the last close"},
    {"RMSE", "of the price, quote currency"},
    {"RMSE z", "of the scaled target"},
    {"range R\u00b2", "of the log of the next candle's log-range"},
    {"HAR R\u00b2", "the same for the HAR regression"},
    {"spike AUC", "next range above its 90th percentile of the fit part"},
    {"rank IC", "mean rank correlation across coins"},
};

std::string scores_row(const SeriesScores& s, std::string_view css_class) {
  const Cell cells[] = {{name_of(s)},
                        {s.kind, "w"},
                        {s.champion, "w"},
                        {fmt::format("{}", s.n)},
                        skill(s.skill_vs_static_pct, 1.0),
                        skill(s.skill_vs_ewma_pct, s.dm_p_vs_ewma),
                        p_value(s.dm_p_vs_ewma),
                        skill(s.skill_vs_har_pct, s.dm_p_vs_har),
                        p_value(s.dm_p_vs_har),
                        plain(s.pinball, "{:.4f}"),
                        percent(s.coverage.c50),
                        percent(s.coverage.c80),
                        percent(s.coverage.c90),
                        percent(s.coverage.c95),
                        percent(s.coverage.c90_top_vol_decile),
                        percent(s.direction_accuracy),
                        interval(s.direction_ci95),
                        plain(s.mae_ratio, "{:.4f}"),
                        plain(s.mape_pct, "{:.4f}"),
                        plain(s.mape_persistence_pct, "{:.4f}"),
                        plain(s.rmse, "{:.4g}"),
                        plain(s.rmse_z, "{:.3f}"),
                        plain(s.log_range_r2, "{:.2f}"),
                        plain(s.log_range_r2_har, "{:.2f}"),
                        plain(s.spike_auc, "{:.3f}"),
                        plain(s.rank_ic, "{:+.3f}")};
  return row(cells, css_class);
}

constexpr Column kFloorColumns[] = {
    {"series", ""},
    {"MAPE %", "of the median forecast"},
    {"persist. %", "MAPE of repeating the last close"},
    {"one tick %", "MAPE of being one tick off each time"},
    {"exact closes %", "share of closes to hit to the tick, if the others are one tick off"},
    {"times too far", "persistence's MAPE over 0.001 %"},
};

Cell exact_share(const SeriesScores& s) {
  if (!(s.mape_tick_floor_pct > 0.0)) return {"\u2013"};
  return {fmt::format("{:.1f}", 100.0 * std::max(0.0, 1.0 - kWishedMapePct / s.mape_tick_floor_pct))};
}

}  // namespace

std::string figure_or_dash(double x, const char* format) {
  return std::isfinite(x) ? fmt::format(fmt::runtime(format), x) : "\u2013";
}

std::string scores_table(const ReportData& data) {
  std::string html = head(kScoreColumns);
  for (const SeriesScores& s : data.series)
    html += scores_row(s, "");
  for (const SeriesScores& s : data.pooled)
    html += scores_row(s, "pool");
  return html.append(kTail);
}

std::string tick_floor_table(const ReportData& data) {
  std::string html = head(kFloorColumns);
  for (const SeriesScores& s : data.series) {
    const Cell cells[] = {{name_of(s)},
                          plain(s.mape_pct, "{:.4f}"),
                          plain(s.mape_persistence_pct, "{:.4f}"),
                          plain(s.mape_tick_floor_pct, "{:.5f}"),
                          exact_share(s),
                          plain(s.mape_persistence_pct / kWishedMapePct, "{:.0f}")};
    html += row(cells);
  }
  return html.append(kTail);
}

std::string canaries_table(const ReportData& data) {
  constexpr Column kColumns[] = {
      {"canary", ""}, {"result", "", "w"}, {"figure", "what was measured"}, {"asked", "", "w"}};
  std::string html = head(kColumns);
  for (const Canary& c : data.canaries) {
    const Cell cells[] = {{c.name},
                          {c.passed ? "passed" : "FAILED", c.passed ? "w good" : "w bad"},
                          plain(c.figure, "{:.4g}"),
                          {c.meaning, "wrap"}};
    html += row(cells);
  }
  return html.append(kTail);
}

}  // namespace mop::evaluate
