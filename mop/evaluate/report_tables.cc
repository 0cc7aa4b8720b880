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

std::string cell_html(const Cell& c) {
  return fmt::format("<td class=\"{}\">{}</td>", c.css_class, escape_html(c.text));
}

std::string row(std::span<const Cell> cells, std::string_view css_class = "") {
  std::string html = fmt::format("<tr class=\"{}\">", css_class);
  for (const Cell& c : cells)
    html += cell_html(c);
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

std::string coin_link(const SeriesScores& s) {
  const std::string symbol = escape_html(s.symbol);
  return fmt::format("<a href=\"#{}\">{}</a>", symbol, symbol);
}

std::string column_title(const SeriesScores& s) {
  return fmt::format("{}{}", market::to_string(s.interval), s.kind == "unified" ? " unified" : "");
}

struct Figure {
  std::string_view name, meaning;
  Cell (*cell)(const SeriesScores&);
  bool main = false;  // a column of the overview
};

using S = const SeriesScores&;
constexpr Figure kFigures[] = {
    {"candles", "that were scored", [](S s) { return Cell{fmt::format("{}", s.n)}; }},
    {"champion", "best on the validation block before scoring: the model or a baseline",
     [](S s) { return Cell{s.champion}; }, true},
    {"vs static %", "pinball loss below that of the static baseline",
     [](S s) { return skill(s.skill_vs_static_pct, 1.0); }, true},
    {"vs EWMA %", "pinball loss below that of the EWMA baseline; green when p < 0.05",
     [](S s) { return skill(s.skill_vs_ewma_pct, s.dm_p_vs_ewma); }, true},
    {"p EWMA", "Diebold-Mariano against EWMA, two-sided", [](S s) { return p_value(s.dm_p_vs_ewma); }, true},
    {"vs HAR %", "pinball loss below that of the HAR baseline; green when p < 0.05",
     [](S s) { return skill(s.skill_vs_har_pct, s.dm_p_vs_har); }, true},
    {"p HAR", "Diebold-Mariano against HAR, two-sided", [](S s) { return p_value(s.dm_p_vs_har); }, true},
    {"pinball", "mean pinball loss of z, in sigma", [](S s) { return plain(s.pinball, "{:.4f}"); }},
    {"50 %", "outcomes inside the central 50 % interval, percent",
     [](S s) { return percent(s.coverage.c50); }},
    {"80 %", "outcomes inside the central 80 % interval, percent",
     [](S s) { return percent(s.coverage.c80); }},
    {"90 %", "outcomes inside the central 90 % interval, percent",
     [](S s) { return percent(s.coverage.c90); }, true},
    {"90 % wild", "the same among the candles in the top tenth of volatility",
     [](S s) { return percent(s.coverage.c90_top_vol_decile); }, true},
    {"95 %", "outcomes inside the central 95 % interval, percent",
     [](S s) { return percent(s.coverage.c95); }},
    {"direction %", "right direction on moves of more than 2 ticks",
     [](S s) { return percent(s.direction_accuracy); }, true},
    {"interval", "of the direction, 95 %: Wilson; for pools bootstrap over days",
     [](S s) { return interval(s.direction_ci95); }, true},
    {"reversal %", "direction when the last move is said to turn back",
     [](S s) { return percent(s.direction_reversal); }},
    {"MAE ratio", "mean absolute error over that of repeating the last close; below 1 is better",
     [](S s) { return plain(s.mae_ratio, "{:.4f}"); }, true},
    {"MAPE %", "of the median forecast", [](S s) { return plain(s.mape_pct, "{:.4f}"); }},
    {"persistence %", "MAPE of repeating the last close",
     [](S s) { return plain(s.mape_persistence_pct, "{:.4f}"); }},
    {"one tick %", "MAPE of being one price tick off each time",
     [](S s) { return plain(s.mape_tick_floor_pct, "{:.5f}"); }},
    {"RMSE", "of the price, quote currency", [](S s) { return plain(s.rmse, "{:.4g}"); }},
    {"RMSE z", "of the return over its volatility", [](S s) { return plain(s.rmse_z, "{:.3f}"); }},
    {"range R\u00b2", "of the log of the next candle's log-range",
     [](S s) { return plain(s.log_range_r2, "{:.2f}"); }, true},
    {"HAR R\u00b2", "the same for the HAR regression",
     [](S s) { return plain(s.log_range_r2_har, "{:.2f}"); }},
    {"spike AUC", "how well the next range above its 90th percentile is foreseen; 0.5 is chance",
     [](S s) { return plain(s.spike_auc, "{:.3f}"); }, true},
    {"rank IC", "mean rank correlation across coins of forecast and outcome; pools only",
     [](S s) { return plain(s.rank_ic, "{:+.3f}"); }},
};

std::string main_row(const SeriesScores& s, const std::string& name, std::string_view css_class) {
  std::string html = fmt::format("<tr class=\"{}\"><td>{}</td>", css_class, name);
  for (const Figure& f : kFigures) {
    if (f.main) html += cell_html(f.cell(s));
  }
  return html + "</tr>";
}

constexpr Column kFloorColumns[] = {
    {"series", ""},
    {"MAPE %", "of the median forecast"},
    {"persistence %", "MAPE of repeating the last close"},
    {"times too far", "persistence's MAPE over 0.001 %"},
    {"all directions %", "MAPE of one who knows every direction and always says the mean move"},
    {"one tick %", "MAPE of being one tick off each time"},
    {"exact closes %", "share of closes to hit to the tick, if the others are one tick off"},
};

Cell exact_share(const SeriesScores& s) {
  if (!(s.mape_tick_floor_pct > 0.0)) return {"\u2013"};
  return {fmt::format("{:.1f}", 100.0 * std::max(0.0, 1.0 - kWishedMapePct / s.mape_tick_floor_pct))};
}

}  // namespace

std::string figure_or_dash(double x, const char* format) {
  return std::isfinite(x) ? fmt::format(fmt::runtime(format), x) : "\u2013";
}

std::string scores_table(std::span<const SeriesScores> series, std::span<const SeriesScores> pooled) {
  std::vector<Column> columns{{"coin", ""}};
  for (const Figure& f : kFigures) {
    if (f.main) columns.push_back({f.name, f.meaning});
  }
  std::string html = head(columns);
  for (const SeriesScores& s : series)
    html += main_row(s, coin_link(s), "");
  for (const SeriesScores& s : pooled)
    html += main_row(s, escape_html(s.symbol), "pool");
  return html.append(kTail);
}

std::string figures_table(std::span<const SeriesScores> series) {
  std::vector<std::string> titles;
  for (const SeriesScores& s : series)
    titles.push_back(column_title(s));
  std::vector<Column> columns{{"figure", ""}};
  for (const std::string& title : titles)
    columns.push_back({title, ""});
  std::string html = head(columns);
  for (const Figure& f : kFigures) {
    html +=
        fmt::format("<tr><td class=\"explained\">{} <small>{}</small></td>", f.name, escape_html(f.meaning));
    for (const SeriesScores& s : series)
      html += cell_html(f.cell(s));
    html += "</tr>";
  }
  return html.append(kTail);
}

std::string tick_floor_table(std::span<const SeriesScores> series) {
  std::string html = head(kFloorColumns);
  for (const SeriesScores& s : series) {
    const Cell cells[] = {{fmt::format("{} {}", s.symbol, market::to_string(s.interval))},
                          plain(s.mape_pct, "{:.4f}"),
                          plain(s.mape_persistence_pct, "{:.4f}"),
                          plain(s.mape_persistence_pct / kWishedMapePct, "{:.0f}"),
                          plain(s.mape_direction_oracle_pct, "{:.4f}"),
                          plain(s.mape_tick_floor_pct, "{:.5f}"),
                          exact_share(s)};
    html += row(cells);
  }
  return html.append(kTail);
}

std::string folds_table(const std::vector<PartScores>& folds) {
  constexpr Column kColumns[] = {{"block", "the candles that were scored"},
                                 {"candles", ""},
                                 {"vs EWMA %", ""},
                                 {"vs HAR %", ""},
                                 {"90 %", "coverage"},
                                 {"direction %", ""},
                                 {"MAE ratio", ""}};
  std::string html = head(kColumns);
  for (const PartScores& fold : folds) {
    for (const SeriesScores& s : fold.pooled) {
      const Cell cells[] = {{fmt::format("{} to {}, {}", format_utc_date(fold.from),
                                         format_utc_date(fold.until), market::to_string(s.interval))},
                            {fmt::format("{}", s.n)},
                            skill(s.skill_vs_ewma_pct, s.dm_p_vs_ewma),
                            skill(s.skill_vs_har_pct, s.dm_p_vs_har),
                            percent(s.coverage.c90),
                            percent(s.direction_accuracy),
                            plain(s.mae_ratio, "{:.4f}")};
      html += row(cells);
    }
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
