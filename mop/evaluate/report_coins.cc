#include "mop/evaluate/report_coins.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "mop/base/escape_html.h"
#include "mop/evaluate/report_charts.h"
#include "mop/evaluate/report_overlays.h"
#include "mop/evaluate/report_parts.h"
#include "mop/evaluate/report_tables.h"
#include "mop/evaluate/verdict.h"

namespace mop::evaluate {
namespace {

struct Coin {
  std::string symbol;
  std::vector<SeriesScores> series;  // own models before unified ones
};

// In the order in which they were scored.
std::vector<Coin> coins_of(const ReportData& data) {
  std::vector<Coin> coins;
  for (const SeriesScores& s : data.series) {
    auto coin = std::find_if(coins.begin(), coins.end(), [&](const Coin& c) { return c.symbol == s.symbol; });
    if (coin == coins.end()) coin = coins.insert(coins.end(), {s.symbol, {}});
    coin->series.push_back(s);
  }
  for (Coin& coin : coins) {
    std::stable_partition(coin.series.begin(), coin.series.end(),
                          [](const SeriesScores& s) { return s.kind != "unified"; });
  }
  return coins;
}

std::string link(const std::string& symbol, std::string_view text) {
  return fmt::format("<a href=\"#{}\">{}</a>", escape_html(symbol), escape_html(text));
}

std::string page_links(const std::vector<Coin>& coins, std::size_t i) {
  std::string html = "<nav><a href=\"#overview\">All coins</a>";
  if (i > 0) html += link(coins[i - 1].symbol, "\u2190 " + coins[i - 1].symbol);
  if (i + 1 < coins.size()) html += link(coins[i + 1].symbol, coins[i + 1].symbol + " \u2192");
  return html + "</nav>";
}

std::string verdicts(const Coin& coin) {
  std::string html, suspicions;
  for (const SeriesScores& s : coin.series) {
    html += fmt::format("<p class=\"verdict\"><b>{}</b> {}.</p>", escape_html(title_of(s)),
                        escape_html(verdict(s)));
    suspicions += suspicion_lines(s);
  }
  if (!suspicions.empty()) html += "<div class=\"warning\" role=\"alert\">" + suspicions + "</div>";
  return html;
}

// Its newest forecasts: those of the last fold when there are several.
std::string fans(const ReportData& data, const SeriesScores& s) {
  for (auto sample = data.samples.rbegin(); sample != data.samples.rend(); ++sample) {
    if (sample->symbol == s.symbol && sample->interval == s.interval && sample->kind == s.kind)
      return fan_card(*sample);
  }
  return "";
}

std::string charts(const ReportData& data, const Coin& coin) {
  const auto& series = coin.series;
  const std::string keys = overlay_legend(series);
  std::string html = "<h3>Newest forecasts over what happened</h3>" + fan_legend() + "<div class=\"grid\">";
  for (const SeriesScores& s : series)
    html += fans(data, s);
  html += "</div><h3>Where it is right, and where not</h3>" + keys + "<div class=\"grid\">";
  html += card("Skill by step", "less loss than HAR, one to H candles ahead", step_overlay(series));
  html += card("Skill by age", "four weeks a point: does the model wear out?", age_overlay(series));
  html += card("Loss by hour", "of the candle that was forecast", hour_overlay(series));
  html += card("Calibration", "0 is right; below it too few outcomes fell under the quantile",
               calibration_overlay(series));
  html += card("Coverage by volatility", "90 % interval, calm to wild candles", decile_overlay(series));
  html += card("Coverage by step", "90 % interval, one to H candles ahead", step_coverage_overlay(series));
  html += card("Place of outcomes", "PIT: flat is right, a U is too narrow, a hill too wide",
               pit_overlay(series));
  return html + "</div>";
}

}  // namespace

std::string coin_index(const ReportData& data) {
  std::string html = "<div class=\"chips\">";
  for (const Coin& coin : coins_of(data))
    html += link(coin.symbol, coin.symbol);
  return html + "</div>";
}

std::string coin_pages(const ReportData& data) {
  const auto coins = coins_of(data);
  std::string html;
  for (std::size_t i = 0; i < coins.size(); ++i) {
    const std::string links = page_links(coins, i);
    html += fmt::format(
        "<article class=\"coin\" id=\"{}\">{}<h1>{}</h1>{}<h3>Every figure, one candle ahead</h3>",
        escape_html(coins[i].symbol), links, escape_html(coins[i].symbol), verdicts(coins[i]));
    html += figures_table(coins[i].series) + charts(data, coins[i]) + links + "</article>";
  }
  return html;
}

}  // namespace mop::evaluate
