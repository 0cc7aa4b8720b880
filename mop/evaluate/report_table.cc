#include "mop/evaluate/report_table.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "mop/evaluate/verdict.h"

namespace mop::evaluate {
namespace {

using Row = std::vector<std::string>;

constexpr std::size_t kTextColumns = 4;  // symbol, tf, kind, champion: left-aligned, figures right-aligned

std::string figure(double x, const char* format) {
  return std::isfinite(x) ? fmt::format(fmt::runtime(format), x) : "-";
}

std::string direction(const SeriesScores& s) {
  if (!std::isfinite(s.direction_accuracy)) return "-";
  const std::string accuracy = fmt::format("{:.1f} %", 100.0 * s.direction_accuracy);
  if (!std::isfinite(s.direction_ci95.lo)) return accuracy;
  return fmt::format("{} [{:.1f}, {:.1f}]", accuracy, 100.0 * s.direction_ci95.lo,
                     100.0 * s.direction_ci95.hi);
}

Row row_of(const SeriesScores& s) {
  return {s.symbol,
          std::string(market::to_string(s.interval)),
          s.kind,
          s.champion,
          fmt::format("{}", s.n),
          figure(s.skill_vs_ewma_pct, "{:+.2f} %"),
          figure(s.skill_vs_har_pct, "{:+.2f} %"),
          figure(100.0 * s.coverage.c90, "{:.1f} %"),
          direction(s),
          figure(s.mae_ratio, "{:.4f}"),
          figure(s.mape_pct, "{:.4f} %"),
          figure(s.mape_persistence_pct, "{:.4f} %"),
          figure(s.mape_tick_floor_pct, "{:.4f} %")};
}

Row header() {
  return {"symbol",   "tf",        "kind",      "champion", "n",           "vs EWMA", "vs HAR",
          "cover 90", "direction", "MAE ratio", "MAPE",     "persistence", "1 tick"};
}

std::string line_of(const Row& row, const std::vector<std::size_t>& widths) {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    line += i < kTextColumns ? fmt::format("{:<{}}", row[i], widths[i])
                             : fmt::format("{:>{}}", row[i], widths[i]);
    line += "  ";
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

std::string aligned(const std::vector<Row>& rows, std::size_t rule_before) {
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t total = 2 * (widths.size() - 1);
  for (const std::size_t width : widths)
    total += width;
  std::string text;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == 1 || (i == rule_before && i > 1)) text += std::string(total, '-') + "\n";
    text += line_of(rows[i], widths);
  }
  return text;
}

// What would be used, when that is not the model: chosen before the scored block, so it may differ from the
// verdict.
std::string champion_note(const SeriesScores& s) {
  if (s.champion != "har" && s.champion != "ewma") return "";
  return fmt::format("; its champion on the validation block was {}", s.champion);
}

std::string verdict_line(const SeriesScores& s) {
  std::string text = fmt::format("{} {} ({}): {}{}\n", s.symbol, market::to_string(s.interval), s.kind,
                                 verdict(s), champion_note(s));
  for (const std::string& suspicion : leak_suspicions(s))
    text += fmt::format("  SUSPECT A LEAK: {}\n", suspicion);
  return text;
}

std::string canary_lines(const std::vector<Canary>& canaries) {
  std::string text = canaries.empty() ? "" : "\n";
  for (const Canary& c : canaries) {
    text += fmt::format("canary {:<20} {}  {}{}{}\n", c.name, c.passed ? "passed" : "FAILED",
                        figure(c.figure, "{:.4g}"), c.meaning.empty() ? "" : "  ", c.meaning);
  }
  return text;
}

std::string part_lines(const std::vector<PartScores>& folds) {
  std::string text = folds.empty() ? "" : "\n";
  for (const PartScores& p : folds) {
    for (const SeriesScores& s : p.pooled) {
      text += fmt::format("fold {} to {}  {:<4} skill vs EWMA {} %, vs HAR {} %, MAE ratio {}\n",
                          format_utc_date(p.from), format_utc_date(p.until), market::to_string(s.interval),
                          figure(s.skill_vs_ewma_pct, "{:.2f}"), figure(s.skill_vs_har_pct, "{:.2f}"),
                          figure(s.mae_ratio, "{:.5f}"));
    }
  }
  return text;
}

}  // namespace

std::string report_table(const ReportData& data) {
  std::vector<Row> rows{header()};
  for (const SeriesScores& s : data.series)
    rows.push_back(row_of(s));
  for (const SeriesScores& s : data.pooled)
    rows.push_back(row_of(s));
  std::string text = aligned(rows, 1 + data.series.size());
  text += "\n";
  for (const SeriesScores& s : data.series)
    text += verdict_line(s);
  for (const SeriesScores& s : data.pooled)
    text += verdict_line(s);
  text += fmt::format("\nOverall: {}\n", overall_verdict(data.series));
  text +=
      "MAPE cannot show skill: compare it with persistence, and with the MAPE of being one tick off each "
      "time.\n";
  text += part_lines(data.folds);
  for (const std::string& line : seed_lines(data.seeds))
    text += line + "\n";
  text += canary_lines(data.canaries);
  for (const auto& [name, note] : data.protocol.notes)
    text += fmt::format("{}: {}\n", name, note);
  return text;
}

}  // namespace mop::evaluate
