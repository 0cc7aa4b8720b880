#include "mop/evaluate/report_html.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/escape_html.h"
#include "mop/evaluate/report_charts.h"
#include "mop/evaluate/report_style.h"
#include "mop/evaluate/report_tables.h"
#include "mop/evaluate/verdict.h"

namespace mop::evaluate {
namespace {

struct Key {
  std::string_view css_class, name;
};

std::string legend(std::initializer_list<Key> keys) {
  std::string html = "<div class=\"legend\">";
  for (const Key& k : keys)
    html += fmt::format("<span><i class=\"{}\"></i>{}</span>", k.css_class, k.name);
  return html + "</div>";
}

std::string card(std::string_view title, std::string_view explained, std::string_view chart,
                 std::string_view keys = "") {
  return fmt::format("<figure class=\"card\"><figcaption>{}<small>{}</small></figcaption>{}{}</figure>",
                     escape_html(title), escape_html(explained), chart, keys);
}

std::string section(std::string_view title, std::string_view lead, std::string_view body) {
  return fmt::format("<section><h2>{}</h2><p class=\"lead\">{}</p>{}</section>", escape_html(title),
                     escape_html(lead), body);
}

std::string title_of(const SeriesScores& s) {
  return fmt::format("{} {}", s.symbol, market::to_string(s.interval));
}

std::string tile(const std::string& figure, const std::string& meaning) {
  return fmt::format("<div class=\"tile\"><b>{}</b><span>{}</span></div>", escape_html(figure),
                     escape_html(meaning));
}

std::string skill_note(std::string_view baseline, const Bounds& ci) {
  if (!std::isfinite(ci.lo)) return fmt::format("less loss than {}", baseline);
  return fmt::format("less loss than {}, 95\u00a0% interval {:.2f} to {:.2f}", baseline, ci.lo, ci.hi);
}

std::string direction_note(const SeriesScores& s) {
  std::string note = fmt::format("direction, {} moves", s.direction_n);
  if (std::isfinite(s.direction_ci95.lo)) {
    note += fmt::format(", 95\u00a0% interval {:.1f} to {:.1f}", 100 * s.direction_ci95.lo,
                        100 * s.direction_ci95.hi);
  }
  return note;
}

std::string tiles(const SeriesScores& s) {
  return "<div class=\"tiles\">" +
         tile(figure_or_dash(s.skill_vs_ewma_pct, "{:+.2f} %"), skill_note("EWMA", s.skill_vs_ewma_ci95)) +
         tile(figure_or_dash(s.skill_vs_har_pct, "{:+.2f} %"), skill_note("HAR", s.skill_vs_har_ci95)) +
         tile(figure_or_dash(100 * s.coverage.c90, "{:.1f} %"), "inside the 90 % interval") +
         tile(figure_or_dash(100 * s.direction_accuracy, "{:.1f} %"), direction_note(s)) +
         tile(figure_or_dash(s.mae_ratio, "{:.4f}"), "absolute error over persistence's, below 1 is better") +
         tile(figure_or_dash(s.log_range_r2, "{:.2f}"), "R\u00b2 of the next candle's log-range") + "</div>";
}

// Pools stand for all series; without pools each series stands for itself.
const std::vector<SeriesScores>& headline_scores(const ReportData& data) {
  return data.pooled.empty() ? data.series : data.pooled;
}

std::string warnings(const ReportData& data) {
  std::string lines;
  for (const Canary& c : data.canaries) {
    if (!c.passed)
      lines += fmt::format("<p>Canary failed: {}. Do not trust these models.</p>", escape_html(c.name));
  }
  for (const SeriesScores& s : data.series) {
    for (const std::string& text : leak_suspicions(s)) {
      lines += fmt::format("<p>Suspect a leak in {}: {}.</p>", escape_html(title_of(s)), escape_html(text));
    }
  }
  return lines.empty() ? "" : "<div class=\"warning\" role=\"alert\">" + lines + "</div>";
}

std::string summary(const ReportData& data) {
  const Protocol& p = data.protocol;
  std::string html =
      fmt::format("<header><p class=\"kicker\">Forecast evaluation, {} to {} UTC</p><h1>{}</h1>",
                  format_utc_date(p.score_from), format_utc_date(p.score_until),
                  escape_html(overall_verdict(data.series)));
  html += warnings(data);
  for (const SeriesScores& s : headline_scores(data)) {
    html += fmt::format(
        "<h3>{}, {} candles</h3><p class=\"verdict\"><b>{}</b> {}.</p>", escape_html(title_of(s)), s.n,
        escape_html(s.kind == "mixed" ? "The models" : s.kind + " models"), escape_html(verdict(s)));
    if (!data.pooled.empty()) html += tiles(s);
  }
  return html + "</header>";
}

std::string skill_section(const ReportData& data) {
  const std::string keys = legend(
      {{"k1 area", "better, p &lt; 0.05"}, {"k50 area", "better, may be chance"}, {"kbad area", "worse"}});
  const std::string static_keys = legend({{"k1 area", "better"}, {"kbad area", "worse"}});
  std::string html = "<div class=\"grid\">";
  html += card("Against HAR", "log-linear volatility regression, the strongest baseline",
               skill_chart(data.series, Reference::kHar), keys);
  html += card("Against EWMA", "one-day volatility times fixed quantiles",
               skill_chart(data.series, Reference::kEwma), keys);
  html += card("Against static", "fixed quantiles of past returns",
               skill_chart(data.series, Reference::kStatic), static_keys);
  return section("Skill",
                 "How much smaller the loss of the whole forecast distribution is, one candle ahead.",
                 html + "</div>");
}

std::string calibration_note(const SeriesScores& s) {
  CalibrationPoint worst{0.5, kUnknown};
  for (const CalibrationPoint& p : s.calibration) {
    if (!(std::abs(p.observed - p.level) <= std::abs(worst.observed - worst.level))) worst = p;
  }
  if (!std::isfinite(worst.observed)) return "stated against observed";
  return fmt::format("on the diagonal is right; worst: stated {:.1f} %, observed {:.1f} %", 100 * worst.level,
                     100 * worst.observed);
}

std::string diagnostics(const SeriesScores& s) {
  std::string html = "<div class=\"grid\">";
  html += card("Calibration", calibration_note(s), calibration_chart(s));
  html += card("Place of outcomes", "PIT histogram: flat is right, U-shape is too narrow", pit_chart(s));
  html += card("Coverage by volatility", "90 % interval, calm to wild candles", decile_chart(s));
  html += card("Loss by hour", "of the candle that was forecast", hour_chart(s),
               legend({{"k1", "forecast"}, {"k2", "HAR"}, {"k3", "EWMA"}}));
  html += card("Skill by step", "all steps come from one forecast", step_chart(s),
               legend({{"k2", "against HAR"}, {"k3", "against EWMA"}}));
  html += card("Coverage by step", "90 % interval, one to H candles ahead", step_coverage_chart(s));
  return html + "</div>";
}

std::string calibration_section(const ReportData& data) {
  std::string html;
  for (const SeriesScores& s : headline_scores(data)) {
    html += fmt::format("<h3>{}</h3>{}", escape_html(title_of(s)), diagnostics(s));
  }
  if (!data.pooled.empty()) {
    html += "<h3>Each series</h3>";
    for (const SeriesScores& s : data.series) {
      html += fmt::format("<details><summary>{}, {}</summary>{}</details>", escape_html(title_of(s)),
                          escape_html(s.kind), diagnostics(s));
    }
  }
  return section("Honesty of the distribution",
                 "Whether stated probabilities come true, and where they do not.", html);
}

std::string fans_section(const ReportData& data) {
  if (data.samples.empty()) return "";
  std::string html = legend(
      {{"kink", "close"}, {"k1", "median forecast"}, {"k50 area", "50 % band"}, {"k90 area", "90 % band"}});
  html += "<div class=\"grid\">";
  for (const FanSample& sample : data.samples) {
    html += card(fmt::format("{} {}", sample.symbol, market::to_string(sample.interval)),
                 fmt::format("{} model, newest {} scored candles", sample.kind, sample.close.size()),
                 fan_chart(sample));
  }
  return section("Forecasts over what happened",
                 "Each fan was made at its dot and knows nothing to the right of it.", html + "</div>");
}

// How far the accuracy once wished for is from what these markets allow.
std::string tick_lead(const ReportData& data) {
  double nearest = HUGE_VAL, farthest = 0.0;
  std::size_t coarse = 0;
  for (const SeriesScores& s : data.series) {
    if (s.mape_tick_floor_pct > kWishedMapePct) ++coarse;
    if (!std::isfinite(s.mape_persistence_pct)) continue;
    nearest = std::min(nearest, s.mape_persistence_pct / kWishedMapePct);
    farthest = std::max(farthest, s.mape_persistence_pct / kWishedMapePct);
  }
  std::string text;
  if (nearest <= farthest) {
    text = fmt::format("Repeating the last close is {:.0f} to {:.0f} times farther off than that. ", nearest,
                       farthest);
  }
  if (coarse > 0) {
    text += fmt::format(
        "On {} of {} series one price tick alone costs more, so most closes would have to be hit to the "
        "tick. ",
        coarse, data.series.size());
  }
  return text + "MAPE shows no skill here; it is printed beside its floor.";
}

std::string tick_section(const ReportData& data) {
  return section("What would a MAPE of 0.001\u00a0% take?", tick_lead(data), tick_floor_table(data));
}

std::string canary_section(const ReportData& data) {
  if (data.canaries.empty()) return "";
  return section("Canaries", "Tests that a leaking or broken pipeline fails.", canaries_table(data));
}

std::string definition(std::string_view name, const std::string& text, bool code = false) {
  if (text.empty()) return "";
  const std::string safe = escape_html(text);
  return fmt::format("<dt>{}</dt><dd>{}</dd>", escape_html(name),
                     code ? fmt::format("<code>{}</code>", safe) : safe);
}

std::string span_text(UnixMillis from, UnixMillis until) {
  return fmt::format("{} to {} UTC", format_utc(from), format_utc(until));
}

std::string protocol_section(const Protocol& p) {
  std::string levels;
  for (const double level : p.levels)
    levels += fmt::format("{}{}", levels.empty() ? "" : ", ", level);
  std::string html = "<dl class=\"card\">";
  html += definition("Method", p.folds > 1 ? fmt::format("{}, {} folds", p.mode, p.folds) : p.mode);
  html += definition("Fitted on", span_text(p.fit_from, p.fit_until));
  html += definition("Scored on", span_text(p.score_from, p.score_until));
  html += definition("Left out between",
                     fmt::format("purge {} candles, embargo {} candles", p.purge_candles, p.embargo_candles));
  html += definition("Horizon", fmt::format("1 to {} candles ahead", p.horizon));
  html += definition("Quantiles", levels);
  html += definition("Profile", p.profile);
  html += definition("Seed", fmt::format("{}", p.seed));
  for (const auto& [name, text] : p.notes)
    html += definition(name, text);
  html += definition("Command", p.command, true);
  html += definition("Program", p.version);
  return section("Protocol", "Scalers, baselines, calibration and early stopping saw the fitted span only.",
                 html + "</dl>");
}

}  // namespace

std::string report_html(const ReportData& data) {
  std::string html =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>MOP forecast evaluation</title><style>";
  html.append(report_style());
  html += "</style></head><body><main>";
  html += summary(data);
  html += skill_section(data);
  html += section(
      "All scores",
      "One candle ahead. Percent columns are percent; hover a heading for its meaning. Scroll sideways "
      "for more.",
      scores_table(data));
  html += calibration_section(data);
  html += fans_section(data);
  html += tick_section(data);
  html += canary_section(data);
  html += protocol_section(data.protocol);
  html +=
      fmt::format("<footer>Computed in {}. Forecasts are no advice to trade.</footer></main></body></html>\n",
                  format_duration(static_cast<DurationMillis>(data.wall_s * 1000.0)));
  return html;
}

}  // namespace mop::evaluate
