#include <algorithm>
#include <set>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/evaluate/pool.h"
#include "mop/evaluate/report_ages.h"
#include "mop/evaluate/report_html.h"
#include "mop/evaluate/report_json.h"
#include "mop/evaluate/report_table.h"
#include "mop/evaluate/svg_plot.h"
#include "mop/evaluate/test_outcomes.h"
#include "mop/evaluate/verdict.h"

namespace mop::evaluate {
namespace {

constexpr const char* kCoins[] = {"BTCUSDT", "ETHUSDT", "SOLUSDT"};

// A forecast part of the way from HAR to the truth, for a report that looks like a real one.
Forecasts decent_forecasts(const TestMarket& market, const BaselineForecasts& baselines) {
  Forecasts f = oracle_forecasts(market);
  f.name = "pooled";
  for (std::size_t i = 0; i < f.z.size(); ++i)
    f.z[i] = 0.25 * f.z[i] + 0.75 * baselines.har.z[i];
  return f;
}

void add_series(ReportData& data, std::vector<ScoredSeries>& scored, std::uint64_t seed, const char* symbol,
                market::Interval interval) {
  TestMarket market = make_test_market(seed, 2000, 1200, 7);
  for (Outcomes* o : {&market.fit, &market.scored}) {
    o->symbol = symbol;
    o->interval = interval;
    for (std::size_t i = 0; i < o->size(); ++i) {
      o->close_time[i] = 1751328000000 + static_cast<UnixMillis>(i + 1) * market::length_of(interval) - 1;
    }
  }
  const auto baselines =
      forecast_baselines(fit_baselines(market.fit, test_levels()).value(), market.scored).value();
  Forecasts model = seed % 3 == 0 ? baselines.har : decent_forecasts(market, baselines);
  model.trained_until = 1751328000000 - 1;
  scored.push_back(
      score_series(market.scored, model, baselines, std::string(market::to_string(interval))).value());
  data.series.push_back(scored.back().scores);
  data.samples.push_back(sample_fans(market.scored, model, std::string(market::to_string(interval))));
}

ReportData make_report() {
  ReportData data;
  for (const market::Interval interval : market::kIntervals) {
    std::vector<ScoredSeries> scored;
    for (std::uint64_t i = 0; i < 3; ++i) {
      add_series(data, scored, 50 + i + (interval == market::Interval::k1h ? 10 : 0), kCoins[i], interval);
    }
    data.pooled.push_back(pool(scored, {}).value());
  }
  data.protocol = {"split",
                   1704067200000,
                   1751327999999,
                   1751328000000,
                   1761955199999,
                   1,
                   7,
                   60,
                   7,
                   {test_levels().begin(), test_levels().end()},
                   1,
                   "default",
                   "mop evaluate --symbols BTCUSDT,ETHUSDT,SOLUSDT --split 2025-07-01 --report report.html",
                   "0.1.0",
                   {{"Sigma", "EWMA of squared returns, span of one day"}}};
  data.canaries = {{"future_invariance", true, 0.0, "changing later candles changes no input or forecast"},
                   {"shuffled_targets", true, -0.12, "skill in percent on shuffled targets, at most 0.5"},
                   {"random_walk", true, 0.03, "share of random walks with a false edge, at most 0.05"}};
  data.wall_s = 83.4;
  return data;
}

const ReportData& report() {
  static const ReportData data = make_report();
  return data;
}

std::size_t count_of(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size()))
    ++count;
  return count;
}

TEST(ReportJsonTest, HasEveryFieldOfTheContract) {
  const auto json = report_json(report());
  for (const char* key : {"protocol", "series", "pooled", "canaries", "wall_s"}) {
    EXPECT_TRUE(json.as_object().contains(key)) << key;
  }
  const auto& first = json.at("series").at(0).as_object();
  const auto& pooled = json.at("pooled").at("15m").as_object();
  for (const char* key : {"symbol",
                          "timeframe",
                          "kind",
                          "champion",
                          "n",
                          "mape_pct",
                          "mape_persistence_pct",
                          "mape_tick_floor_pct",
                          "mae_ratio",
                          "rmse",
                          "rmse_z",
                          "direction_accuracy",
                          "direction_ci95",
                          "pinball",
                          "pinball_static",
                          "pinball_ewma",
                          "pinball_har",
                          "skill_vs_ewma_pct",
                          "skill_vs_har_pct",
                          "coverage",
                          "dm_p_vs_ewma",
                          "dm_p_vs_har",
                          "log_range_r2",
                          "spike_auc"}) {
    EXPECT_TRUE(first.contains(key)) << key;
    EXPECT_TRUE(pooled.contains(key)) << key;
  }
  for (const char* key : {"50", "80", "90", "95", "90_top_vol_decile"}) {
    EXPECT_TRUE(first.at("coverage").at(key).is_double()) << key;
  }
  EXPECT_EQ(first.at("timeframe").as_string(), "15m");
  EXPECT_EQ(first.at("direction_ci95").as_array().size(), 2u);
  EXPECT_TRUE(json.at("pooled").as_object().contains("1h"));
  EXPECT_TRUE(json.at("canaries").at(0).at("passed").as_bool());
}

TEST(ReportJsonTest, UnknownFiguresAreNull) {
  ReportData data;
  data.series.emplace_back();
  const auto json = report_json(data);
  EXPECT_TRUE(json.at("series").at(0).at("pinball").is_null());
  EXPECT_TRUE(json.at("series").at(0).at("direction_ci95").at(0).is_null());
  EXPECT_EQ(to_json_text(json).find("nan"), std::string::npos);
}

TEST(ReportTableTest, NamesEverySeriesAndGivesAVerdictOnEach) {
  const std::string table = report_table(report());
  EXPECT_EQ(count_of(table, "BTCUSDT"), 4u);        // line and verdict, two timeframes
  EXPECT_EQ(count_of(table, "pooled  "), 2u + 4u);  // two pools, four series with the champion "pooled"
  EXPECT_NE(table.find("Overall: "), std::string::npos);
  EXPECT_NE(table.find("canary random_walk"), std::string::npos);
  EXPECT_TRUE(
      std::all_of(table.begin(), table.end(), [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }));
}

TEST(VerdictTest, SaysWhatBeatsWhatAndWhatToUse) {
  SeriesScores s;
  s.champion = "own";
  s.skill_vs_ewma_pct = 1.9;
  s.dm_p_vs_ewma = 0.003;
  s.skill_vs_har_pct = 0.5;
  s.dm_p_vs_har = 0.02;
  EXPECT_EQ(verdict(s), "beats EWMA by 1.90 % (DM p 0.003) and HAR by 0.50 % (DM p 0.02)");
  s.dm_p_vs_har = 0.4;
  EXPECT_EQ(verdict(s),
            "beats EWMA by 1.90 % (DM p 0.003) but does not beat HAR (+0.50 %, DM p 0.40); use either");
  s.skill_vs_har_pct = -0.5;
  EXPECT_EQ(standing_of(s), Standing::kBeatsEwmaOnly);
  EXPECT_NE(verdict(s).find("use HAR"), std::string::npos);
  s.skill_vs_ewma_pct = -0.1;
  s.pinball_ewma = 0.23;
  s.pinball_har = 0.22;
  EXPECT_EQ(verdict(s), "does not beat EWMA (-0.10 %, DM p 0.003) or HAR (-0.50 %, DM p 0.40); use HAR");
}

TEST(VerdictTest, FiguresTooGoodToBeTrueAreCalledOut) {
  SeriesScores s;
  EXPECT_TRUE(leak_suspicions(s).empty());  // unknown is not suspect
  s.mae_ratio = 0.9;
  s.direction_accuracy = 0.6;
  s.direction_n = 5000;
  s.skill_vs_ewma_pct = 20.0;
  s.log_range_r2 = 0.8;
  s.coverage.c90 = 1.0;
  s.n = 5000;
  EXPECT_EQ(leak_suspicions(s).size(), 5u);
}

TEST(FanTest, FansStartAtCandlesOfTheWindowAndTheNewestHasOne) {
  const FanSample& sample = report().samples[0];
  EXPECT_EQ(sample.close.size(), 60u);
  EXPECT_EQ(sample.fans.back().as_of, sample.close_time.back());
  for (const Fan& fan : sample.fans) {
    EXPECT_EQ(fan.prices.size(), 7u * 9u);
    EXPECT_TRUE(std::count(sample.close_time.begin(), sample.close_time.end(), fan.as_of));
  }
}

TEST(FanTest, AWindowNeverCrossesAHole) {
  TestMarket market = make_test_market(70, 300, 100, 3);
  for (std::size_t i = 0; i < 80; ++i)
    market.scored.close_time[i] -= kDay;
  EXPECT_EQ(sample_fans(market.scored, oracle_forecasts(market), "1h").close.size(), 20u);
}

TEST(ReportHtmlTest, LoadsNothingFromAnywhere) {
  const std::string html = report_html(report());
  for (const char* foreign : {"http:", "https:", "src=", "url(", "@import", "<script", "<link"}) {
    EXPECT_EQ(html.find(foreign), std::string::npos) << foreign;
  }
}

TEST(ReportHtmlTest, TextFromOutsideIsEscaped) {
  ReportData data = report();
  data.protocol.command = "<script>alert('x')</script> & \"more\"";
  data.series[0].symbol = "<b>COIN</b>";
  data.series[0].champion = "\"><img>";
  data.canaries[0].name = "<i>canary";
  data.samples[0].symbol = "<u>x";
  const std::string html = report_html(data);
  for (const char* raw : {"<script", "<b>COIN", "<img", "<i>canary", "<u>x"}) {
    EXPECT_EQ(html.find(raw), std::string::npos) << raw;
  }
  EXPECT_NE(html.find("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;"),
            std::string::npos);
}

TEST(ReportHtmlTest, ElementsAreClosedAndNoNumberIsBroken) {
  const std::string html = report_html(report());
  for (const char* tag : {"svg", "section", "figure", "table", "tr", "details", "div", "p", "dl"}) {
    EXPECT_EQ(count_of(html, std::string("<") + tag + ">") + count_of(html, std::string("<") + tag + " "),
              count_of(html, std::string("</") + tag + ">"))
        << tag;
  }
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find(">inf"), std::string::npos);
}

// A report without pools, samples, canaries or any known figure still renders.
TEST(ReportHtmlTest, AnEmptyReportStillRenders) {
  ReportData data;
  EXPECT_NE(report_html(data).find("0 of 0 series"), std::string::npos);
  data.series.emplace_back();
  data.samples.emplace_back();
  const std::string html = report_html(data);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_NE(html.find("</html>"), std::string::npos);
}

TEST(ReportHtmlTest, AFailedCanaryStandsAtTheTop) {
  ReportData data = report();
  data.canaries[1].passed = false;
  const std::string html = report_html(data);
  const auto warning = html.find("Canary failed: shuffled_targets");
  ASSERT_NE(warning, std::string::npos);
  EXPECT_LT(warning, html.find("<section"));
}

std::vector<std::string> all_between(const std::string& text, std::string_view before, char after) {
  std::vector<std::string> found;
  for (auto at = text.find(before); at != std::string::npos; at = text.find(before, at + 1)) {
    const auto from = at + before.size();
    found.push_back(text.substr(from, text.find(after, from) - from));
  }
  return found;
}

TEST(ReportHtmlTest, EveryLinkLeadsToOnePlaceOfThePage) {
  const std::string html = report_html(report());
  const auto ids = all_between(html, " id=\"", '"');
  const std::set<std::string> places(ids.begin(), ids.end());
  EXPECT_EQ(places.size(), ids.size());
  for (const std::string& target : all_between(html, "href=\"", '"')) {
    EXPECT_EQ(target[0], '#');
    EXPECT_TRUE(places.contains(target.substr(1))) << target;
  }
}

// The coin's page stands before the overview, which the style sheet hides when a page before it is visited.
TEST(ReportHtmlTest, EveryCoinHasItsOwnPageWithAllItsSeries) {
  const std::string html = report_html(report());
  const auto overview = html.find("<div id=\"overview\">");
  ASSERT_NE(overview, std::string::npos);
  EXPECT_EQ(count_of(html, "<article class=\"coin\""), 3u);
  for (const char* coin : kCoins) {
    const auto begin = html.find(std::string("<article class=\"coin\" id=\"") + coin + "\">");
    ASSERT_LT(begin, overview) << coin;
    const std::string page = html.substr(begin, html.find("</article>", begin) - begin);
    for (const char* timeframe : {"15m", "1h"}) {
      EXPECT_NE(page.find(std::string("<b>") + coin + " " + timeframe + "</b>"), std::string::npos);
    }
    EXPECT_EQ(count_of(page, "Forecast fans over closes"), 2u);
    EXPECT_EQ(count_of(page, "<th "), 3u);  // figure, 15m, 1h
  }
}

// 75 models of 25 coins forecast 100 series: 15m, 1h and both of the unified model.
TEST(ReportHtmlTest, TheWholeFleetsPageStaysBelowSixMegabytes) {
  ReportData data = report();
  data.series.clear();
  data.samples.clear();
  for (int coin = 0; coin < 25; ++coin) {
    for (const char* kind : {"own", "unified"}) {
      for (const std::size_t i : {std::size_t{0}, std::size_t{3}}) {
        data.series.push_back(report().series[i]);
        data.samples.push_back(report().samples[i]);
        const auto timeframe = std::string(market::to_string(data.series.back().interval));
        data.series.back().kind = data.samples.back().kind = kind == std::string("own") ? timeframe : kind;
        data.series.back().symbol = data.samples.back().symbol = "COIN" + std::to_string(coin);
      }
    }
  }
  const std::size_t bytes = report_html(data).size();
  EXPECT_GT(bytes, 1'000'000u);
  EXPECT_LT(bytes, 6'000'000u);
}

std::vector<AgeScores> ages_with_skill(double first_pct, double change_pct, std::size_t weeks) {
  std::vector<AgeScores> ages;
  for (std::size_t w = 0; w < weeks; ++w) {
    const double noise = w % 2 == 0 ? 0.1 : -0.1;
    const double skill = first_pct + change_pct * static_cast<double>(w) + noise;
    ages.push_back({w, 168, 0.2 * (1.0 - skill / 100.0), 0.21, 0.2});
  }
  return ages;
}

TEST(AgesTest, WearIsFoundAndChanceIsNotCalledWear) {
  SeriesScores s;
  EXPECT_NE(age_sentence(s).find("Too few weeks"), std::string::npos);
  s.ages = ages_with_skill(2.0, -0.1, 16);
  EXPECT_NEAR(skill_trend(s.ages).value, -0.4, 0.05);
  EXPECT_EQ(age_sentence(s).find("It loses skill as it ages: -0.4"), 0u);
  EXPECT_NE(age_sentence(s).find("First four weeks +1.85 %, last four +0.65 %"), std::string::npos);
  s.ages = ages_with_skill(2.0, 0.0, 16);
  EXPECT_EQ(age_sentence(s).find("No trend"), 0u);
}

TEST(AgesTest, MergedWeeksAreMeansOverTheirForecasts) {
  const auto merged = merged_ages({{0, 1, 1.0, 2.0, 3.0}, {3, 3, 2.0, 2.0, 3.0}, {4, 5, 9.0, 9.0, 9.0}}, 4);
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(merged[0].n, 4u);
  EXPECT_DOUBLE_EQ(merged[0].pinball, 1.75);
  EXPECT_EQ(merged[1].week, 4u);
  EXPECT_DOUBLE_EQ(merged[1].pinball, 9.0);
}

TEST(ReportHtmlTest, WhatTheModelFilesSayOfTheirCanariesStandsAtTheTopAndBesideTheTable) {
  ReportData data = report();
  data.protocol.notes.emplace_back("certificate", "3 models not certified: not run: random_walks");
  const std::string html = report_html(data);
  const auto top = html.find("3 models not certified");
  ASSERT_NE(top, std::string::npos);
  EXPECT_LT(top, html.find("<section"));
  EXPECT_NE(html.find("In the model files: 3 models not certified"), std::string::npos);
}

TEST(TicksTest, AreRoundAndInsideTheRange) {
  EXPECT_EQ(round_ticks(0.0, 1.0, 5), (std::vector{0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0}));
  EXPECT_EQ(number_ticks(-1.3, 2.6, 4)[1].text, "0");
  const auto fine = number_ticks(0.00001, 0.00003, 4);
  std::set<std::string> texts;
  for (const Tick& tick : fine)
    texts.insert(tick.text);
  EXPECT_EQ(texts.size(), fine.size());  // no two ticks read the same
}

}  // namespace
}  // namespace mop::evaluate
