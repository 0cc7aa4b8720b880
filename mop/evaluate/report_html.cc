#include "mop/evaluate/report_html.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "mop/base/escape_html.h"
#include "mop/evaluate/report_ages.h"
#include "mop/evaluate/report_charts.h"
#include "mop/evaluate/report_coins.h"
#include "mop/evaluate/report_parts.h"
#include "mop/evaluate/report_style.h"
#include "mop/evaluate/report_tables.h"
#include "mop/evaluate/verdict.h"

namespace mop::evaluate {
namespace {

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

std::string rank_note(const Bounds& ci) {
  std::string note = "rank IC, correlation across coins";
  if (std::isfinite(ci.lo)) note += fmt::format(", 95\u00a0% interval {:+.3f} to {:+.3f}", ci.lo, ci.hi);
  return note;
}

std::string tiles(const SeriesScores& s) {
  return "<div class=\"tiles\">" +
         tile(figure_or_dash(s.skill_vs_ewma_pct, "{:+.2f} %"), skill_note("EWMA", s.skill_vs_ewma_ci95)) +
         tile(figure_or_dash(s.skill_vs_har_pct, "{:+.2f} %"), skill_note("HAR", s.skill_vs_har_ci95)) +
         tile(figure_or_dash(100 * s.coverage.c90, "{:.1f} %"), "inside the 90 % interval") +
         tile(figure_or_dash(100 * s.direction_accuracy, "{:.1f} %"), direction_note(s)) +
         tile(figure_or_dash(s.mae_ratio, "{:.4f}"), "absolute error over persistence's, below 1 is better") +
         tile(figure_or_dash(s.log_range_r2, "{:.2f}"), "R\u00b2 of the next candle's log-range") +
         (std::isfinite(s.rank_ic) ? tile(fmt::format("{:+.3f}", s.rank_ic), rank_note(s.rank_ic_ci95))
                                   : "") +
         "</div>";
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
  for (const SeriesScores& s : data.series)
    lines += suspicion_lines(s);
  return lines.empty() ? "" : "<div class=\"warning\" role=\"alert\">" + lines + "</div>";
}

// What the model files say of their canaries, "" when nothing is known.
std::string certificate_of(const Protocol& p) {
  for (const auto& [name, text] : p.notes) {
    if (name == "certificate") return text;
  }
  return "";
}

std::string summary(const ReportData& data) {
  const Protocol& p = data.protocol;
  std::string html =
      fmt::format("<header><p class=\"kicker\">Forecast evaluation, {} to {} UTC</p><h1>{}</h1>",
                  format_utc_date(p.score_from), format_utc_date(p.score_until),
                  escape_html(overall_verdict(data.series)));
  html += warnings(data);
  for (const SeriesScores& s : headline_scores(data)) {
    const std::string who = s.symbol == "pooled"
                                ? fmt::format("The pool of all {} forecasts", market::to_string(s.interval))
                                : title_of(s);
    html += fmt::format("<p class=\"verdict\"><b>{}</b> {}.</p>{}", escape_html(who), escape_html(verdict(s)),
                        data.pooled.empty() ? "" : tiles(s));
  }
  const std::string certificate = certificate_of(p);
  if (!certificate.empty())
    html += fmt::format("<p class=\"verdict\"><b>Canaries:</b> {}.</p>", escape_html(certificate));
  return html + "</header>";
}

// Series of one timeframe from one kind of model, and the pools of just these.
struct Group {
  std::string name;
  std::vector<SeriesScores> series, pooled;
};

std::vector<Group> groups_of(const ReportData& data) {
  std::vector<Group> groups;
  for (const bool unified : {false, true}) {
    for (const market::Interval interval : market::kIntervals) {
      const auto belongs = [&](const SeriesScores& s) {
        return s.interval == interval && (s.kind == "unified") == unified;
      };
      Group group{
          fmt::format("{}{}", market::to_string(interval), unified ? ", from the unified models" : ""),
          {},
          {}};
      std::copy_if(data.series.begin(), data.series.end(), std::back_inserter(group.series), belongs);
      std::copy_if(data.pooled.begin(), data.pooled.end(), std::back_inserter(group.pooled), belongs);
      if (!group.series.empty()) groups.push_back(std::move(group));
    }
  }
  return groups;
}

// Where both are there, the unified models' part is folded away.
std::string by_group(const ReportData& data, std::string (*body)(const Group&)) {
  const auto groups = groups_of(data);
  std::string html;
  for (const Group& group : groups) {
    const bool open = group.series[0].kind != "unified" || groups[0].series[0].kind == "unified";
    html += fmt::format("<details{}><summary>{}</summary>{}</details>", open ? " open" : "",
                        escape_html(group.name), body(group));
  }
  return html;
}

std::string skill_charts(const Group& group) {
  const std::string keys = legend(
      {{"k1 area", "better, p < 0.05"}, {"k50 area", "better, may be chance"}, {"kbad area", "worse"}});
  const std::string static_keys = legend({{"k1 area", "better"}, {"kbad area", "worse"}});
  return "<div class=\"grid\">" +
         card("Against HAR", "volatility regression, the strongest baseline",
              skill_chart(group.series, Reference::kHar), keys) +
         card("Against EWMA", "one-day volatility times fixed quantiles",
              skill_chart(group.series, Reference::kEwma), keys) +
         card("Against static", "fixed quantiles of past returns",
              skill_chart(group.series, Reference::kStatic), static_keys) +
         "</div>";
}

std::string skill_section(const ReportData& data) {
  return section("skill", "Skill",
                 "How much smaller the loss of the whole forecast distribution is, one candle ahead.",
                 by_group(data, skill_charts));
}

std::string scores_section(const ReportData& data) {
  std::string html = by_group(data, [](const Group& g) { return scores_table(g.series, g.pooled); });
  if (!data.pooled.empty()) {
    html += "<details><summary>Every figure of the pools, explained</summary>" + figures_table(data.pooled) +
            "</details>";
  }
  return section("scores", "Scores by coin",
                 "One candle ahead; percent columns are percent. A coin's name leads to its own page, which "
                 "holds every figure with its meaning.",
                 html);
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
  return section("honesty", "Honesty of the distribution",
                 "Whether stated probabilities come true, and where they do not.", html);
}

std::string age_section(const ReportData& data) {
  std::string html = "<div class=\"grid\">";
  for (const SeriesScores& s : headline_scores(data)) {
    html += card(title_of(s), age_sentence(s), age_chart(s),
                 legend({{"k2", "against HAR"}, {"k3", "against EWMA"}}));
  }
  return section(
      "age", "How models age",
      "Skill by weeks between the newest candle a model learnt from and its forecast. Weeks count as "
      "independent in the interval.",
      html + "</div>");
}

std::string folds_section(const ReportData& data) {
  if (data.folds.empty() && data.seeds.empty()) return "";
  std::string html = data.folds.empty() ? "" : folds_table(data.folds);
  for (const std::string& line : seed_lines(data.seeds))
    html += fmt::format("<p class=\"verdict\">{}.</p>", escape_html(line));
  return section("folds", "Block by block",
                 "Models were trained anew before each block of time, on nothing later.", html);
}

// A few of each timeframe; the coins' pages have the others.
std::string fans_section(const ReportData& data) {
  constexpr std::size_t kShown = 3;
  if (data.samples.empty()) return "";
  std::string html = fan_legend() + "<div class=\"grid\">";
  std::map<std::pair<market::Interval, std::string>, std::size_t> shown;
  for (const FanSample& sample : data.samples) {
    if (shown[{sample.interval, sample.kind}]++ < kShown) html += fan_card(sample);
  }
  return section(
      "forecasts", "Forecasts over what happened",
      "Each fan was made at its dot and knows nothing to the right of it. Every coin's own page has "
      "its own.",
      html + "</div>");
}

// How far the accuracy once wished for is from what these markets allow.
std::string tick_tiles(const SeriesScores& s) {
  const std::string of = fmt::format("{}, ", market::to_string(s.interval));
  return tile(figure_or_dash(s.mape_persistence_pct, "{:.4f} %"), of + "MAPE of repeating the last close") +
         tile(figure_or_dash(s.mape_pct, "{:.4f} %"), of + "MAPE of the median forecast") +
         tile(figure_or_dash(s.mape_direction_oracle_pct, "{:.4f} %"),
              of + "MAPE of one who knows every direction and says the mean move") +
         tile(figure_or_dash(s.mape_tick_floor_pct, "{:.4f} %"),
              of + "MAPE of being one price tick off each time");
}

std::string tick_lead(const ReportData& data) {
  double nearest = HUGE_VAL, farthest = 0.0;
  std::size_t coarse = 0;
  for (const SeriesScores& s : data.series) {
    if (s.mape_tick_floor_pct > kWishedMapePct) ++coarse;
    if (!std::isfinite(s.mape_persistence_pct)) continue;
    nearest = std::min(nearest, s.mape_persistence_pct / kWishedMapePct);
    farthest = std::max(farthest, s.mape_persistence_pct / kWishedMapePct);
  }
  std::string text = "Not skill, but knowing the next close to the tick. ";
  if (nearest <= farthest) {
    text += fmt::format("Repeating the last close is {:.0f} to {:.0f} times farther off than that. ", nearest,
                        farthest);
  }
  if (coarse > 0) {
    text += fmt::format(
        "On {} of {} series one price tick alone costs more, so most closes would have to be hit to the "
        "tick. ",
        coarse, data.series.size());
  }
  return text + "So MAPE shows no skill here; it is printed beside its floor.";
}

std::string tick_section(const ReportData& data) {
  std::string html;
  for (const SeriesScores& s : data.pooled)
    html += "<div class=\"tiles\">" + tick_tiles(s) + "</div>";
  html += by_group(data, [](const Group& g) { return tick_floor_table(g.series); });
  return section("mape", "What would a MAPE of 0.001\u00a0% take?", tick_lead(data), html);
}

std::string canary_section(const ReportData& data) {
  if (data.canaries.empty()) return "";
  const auto passed =
      std::count_if(data.canaries.begin(), data.canaries.end(), [](const Canary& c) { return c.passed; });
  const std::string certificate = certificate_of(data.protocol);
  return section(
      "canaries", "Canary certificate",
      fmt::format("Tests that a leaking or broken pipeline fails. Of those run with this evaluation {} "
                  "of {} passed.{}",
                  passed, data.canaries.size(),
                  certificate.empty() ? "" : fmt::format(" In the model files: {}.", certificate)),
      canaries_table(data));
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
  return section("protocol", "Protocol",
                 "Scalers, baselines, calibration and early stopping saw the fitted span only.",
                 html + "</dl>");
}

constexpr std::pair<std::string_view, std::string_view> kTerms[] = {
    {"candle", "open, high, low and close price of a quarter of an hour (15m) or an hour (1h)"},
    {"forecast", "nine quantiles of the return to each of the next closes; the median is the point forecast"},
    {"unified model", "one model that reads 15m and 1h candles together and forecasts both"},
    {"champion", "what did best on the validation block before scoring: the model, EWMA or HAR"},
    {"sigma",
     "volatility: root of the exponential mean of squared returns, one day's span; z is a return over it"},
    {"pinball loss", "how wrong quantiles are, averaged over all nine, in units of sigma; smaller is better"},
    {"skill", "percent by which the pinball loss is smaller than a baseline's"},
    {"static", "baseline: quantiles of past returns, the same at all times"},
    {"EWMA", "baseline: sigma times quantiles of past z"},
    {"HAR",
     "baseline: volatility from a regression on past ranges and the hour, times quantiles of what is left"},
    {"persistence", "baseline for prices: the next close is this close"},
    {"coverage", "share of outcomes inside the interval; that of an honest 90 % interval is 90 %"},
    {"calibration, PIT",
     "whether as many outcomes fall below each quantile as it states; where they fell in the distribution"},
    {"DM p", "Diebold-Mariano: chance of such a difference in loss if both were equally good"},
    {"MAE ratio, MAPE", "absolute error over persistence's; absolute error in percent of the price"},
    {"log-range",
     "logarithm of high over low of the next candle; R\u00b2 is the part of its variation that was foreseen"},
    {"spike AUC",
     "chance that a candle with an unusual range was given a larger one than a usual candle; 0.5 is luck"},
    {"rank IC",
     "rank correlation across coins between forecast and outcome at one time, averaged; 0 is luck"},
};

std::string terms_section() {
  std::string html = "<dl class=\"card\">";
  for (const auto& [name, text] : kTerms)
    html += definition(name, std::string(text));
  return section("terms", "Terms", "What the words on this page mean.", html + "</dl>");
}

std::string page_links(const ReportData& data) {
  std::string html = "<nav>";
  const auto add = [&](std::string_view id, std::string_view name, bool there = true) {
    if (there) html += fmt::format("<a href=\"#{}\">{}</a>", id, name);
  };
  add("coins", "Coins");
  add("skill", "Skill");
  add("scores", "Scores");
  add("honesty", "Honesty");
  add("age", "Ageing");
  add("folds", "Blocks", !data.folds.empty() || !data.seeds.empty());
  add("forecasts", "Forecasts", !data.samples.empty());
  add("mape", "MAPE");
  add("canaries", "Canaries", !data.canaries.empty());
  add("protocol", "Protocol");
  add("terms", "Terms");
  return html + "</nav>";
}

}  // namespace

std::string report_html(const ReportData& data) {
  std::string html =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<title>MOP forecast evaluation</title><style>";
  html.append(report_style());
  html += "</style></head><body><main>";
  // Coins first: the style sheet hides the overview that follows the one that is visited.
  html += coin_pages(data) + "<div id=\"overview\">";
  html += summary(data) + page_links(data);
  html += section("coins", "Coins", "Each has a page of its own.", coin_index(data));
  html += skill_section(data) + scores_section(data) + calibration_section(data) + age_section(data);
  html += folds_section(data) + fans_section(data) + tick_section(data) + canary_section(data);
  html += protocol_section(data.protocol) + terms_section() + "</div>";
  html +=
      fmt::format("<footer>Computed in {}. Forecasts are no advice to trade.</footer></main></body></html>\n",
                  format_duration(static_cast<DurationMillis>(data.wall_s * 1000.0)));
  return html;
}

}  // namespace mop::evaluate
