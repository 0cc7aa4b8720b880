#include "mop/serve/ledger_scores.h"

#include <cmath>

#include <fmt/ranges.h>

#include "mop/evaluate/quantiles.h"
#include "mop/serve/ledger_export.h"
#include "mop/serve/ledger_test_support.h"

namespace mop::serve {
namespace {

using market::Interval;

constexpr std::size_t kAll = 1'000'000;

// Two levels and one step, worked by hand.
TEST(StepScoreTest, IsWhatPaperAndPencilSay) {
  ModelRow m = test_model();
  m.horizon = 1;
  m.levels = {0.25, 0.75};
  m.static_y = {-0.02, 0.02};
  m.ewma_z = {-1.0, 1.0};
  m.har_residual = {-0.5, 0.5};
  ForecastRow f = test_forecast(0);
  f.horizon = 1;
  f.levels = m.levels;
  f.close = 100.0;
  f.tick_size = 0.5;
  f.sigma = 0.01;
  f.z = {-1.0, 2.0};
  f.p_up = {0.6};
  f.har_scale = {2.0};
  f.log_range = 0.02;
  const double up3 = 100.0 * std::exp(0.03);  // z = 3
  const StepScore s =
      score_step(9, f, m, 1, {"BTCUSDT", Interval::k1h, f.as_of + kHour, up3, 100.0 * std::exp(0.04), 100.0});
  EXPECT_EQ(s.seq, 9);
  EXPECT_EQ(s.step, 1);
  EXPECT_NEAR(s.z, 3.0, 1e-12);
  EXPECT_NEAR(s.pinball, (0.25 * 4.0 + 0.75 * 1.0) / 2.0, 1e-12);
  EXPECT_NEAR(s.pinball_static, (0.25 * 5.0 + 0.75 * 1.0) / 2.0, 1e-12);  // 0.02 / 0.01 = 2
  EXPECT_NEAR(s.pinball_ewma, (0.25 * 4.0 + 0.75 * 2.0) / 2.0, 1e-12);
  EXPECT_NEAR(s.pinball_har, s.pinball_ewma, 1e-12);                 // 2 * 0.5
  EXPECT_EQ(s.inside, (std::array<std::int8_t, 4>{0, -1, -1, -1}));  // 80, 90 and 95 % are not forecast
  EXPECT_EQ(s.direction, 1);
  EXPECT_NEAR(s.log_range_error, std::log(2.0), 1e-12);

  const auto at = [&](double close) {
    return score_step(9, f, m, 1, {"BTCUSDT", Interval::k1h, f.as_of + kHour, close, close, close});
  };
  EXPECT_EQ(at(101.0).direction, -1);  // two ticks are no move
  EXPECT_EQ(at(101.01).direction, 1);
  EXPECT_EQ(at(98.9).direction, 0);
  EXPECT_EQ(at(101.0).inside[0], 1);
  EXPECT_TRUE(std::isnan(at(101.0).log_range_error));  // no range, no logarithm
}

TEST(StepScoreTest, WhereTheHarTermsAreNotKnownB3IsB2) {
  const ModelRow m = test_model();
  ForecastRow f = test_forecast(0);
  const ClosedCandle candle{"BTCUSDT",      Interval::k1h,  f.as_of + kHour,
                            1.01 * f.close, 1.02 * f.close, f.close};
  EXPECT_NE(score_step(9, f, m, 1, candle).pinball_har, score_step(9, f, m, 1, candle).pinball_ewma);
  f.har_scale.clear();
  const StepScore s = score_step(9, f, m, 1, candle);
  EXPECT_EQ(s.pinball_har, s.pinball_ewma);
}

TEST(StepScoreTest, TheMediansErrorStandsBesidePersistences) {
  ModelRow m = test_model();
  ForecastRow f = test_forecast(0);
  f.close = 100.0;
  f.sigma = 0.01;
  f.z[m.levels.size() + 4] = 0.5;  // the median two steps ahead: exp(0.5 * 0.01 * sqrt(2))
  const double close = 100.0 * std::exp(-0.02);
  const ClosedCandle candle{"BTCUSDT", Interval::k1h, f.as_of + 2 * kHour, close, close, close};
  const StepScore s = score_step(9, f, m, 2, candle);
  EXPECT_NEAR(s.abs_move, 0.02, 1e-12);
  EXPECT_NEAR(s.abs_error, 0.02 + 0.005 * std::sqrt(2.0), 1e-12);
  std::vector<std::vector<ScoredForecast>> one(1);
  one[0] = {{0, "model", kSteps, s}, {kHour, "model", kSteps, s}};
  EXPECT_NEAR(summarise(one, "BTCUSDT", Interval::k1h).mae_ratio, 1.0 + 0.25 * std::sqrt(2.0), 1e-12);
  m.levels = {0.25, 0.75};  // no median
  f.levels = m.levels;
  f.z = {-1.0, 1.0, -1.0, 1.0, -1.0, 1.0};
  m.static_y = m.ewma_z = m.har_residual = f.z;
  EXPECT_TRUE(std::isnan(score_step(9, f, m, 2, candle).abs_error));
}

TEST(StepScoreTest, LaterStepsAreScaledByTheSquareRootOfTime) {
  const ModelRow m = test_model();
  const ForecastRow f = test_forecast(0);
  const ClosedCandle candle = candle_at(3);
  const StepScore s = score_step(1, f, m, 3, candle);
  EXPECT_NEAR(s.z, std::log(candle.close / f.close) / (f.sigma * std::sqrt(3.0)), 1e-12);
  const BaselineQuantiles b = baseline_quantiles(f, m, 3);
  for (std::size_t l = 0; l < m.levels.size(); ++l) {
    EXPECT_NEAR(b.fixed[l], m.static_y[18 + l] / (f.sigma * std::sqrt(3.0)), 1e-12);
    EXPECT_EQ(b.ewma[l], m.ewma_z[18 + l]);
    EXPECT_EQ(b.har[l], 0.9 * m.har_residual[18 + l]);
  }
  EXPECT_TRUE(std::isnan(s.log_range_error));  // the range is forecast one step ahead only
}

class LedgerScoresTest : public LedgerTest {
 protected:
  void score(int first, int last, const std::string& symbol = "BTCUSDT") {
    for (int n = first; n < last; ++n) {
      const ClosedCandle candle = candle_at(n, symbol);
      ASSERT_TRUE(ledger_->score({&candle, 1}));
    }
  }
  static Result<market::CandleSeries> candles(int first, int last) {
    market::CandleSeries series;
    series.symbol = "BTCUSDT";
    for (int n = first; n < last; ++n) {
      const ClosedCandle c = candle_at(n);
      series.open_time.push_back(c.close_time + 1 - kHour);
      series.open.push_back(c.close);
      series.high.push_back(c.high);
      series.low.push_back(c.low);
      series.close.push_back(c.close);
      series.volume.push_back(1.0);
    }
    return series;
  }
  LiveScores live(std::size_t last = kAll, std::string_view champion = {}) {
    return ledger_->live_scores("BTCUSDT", Interval::k1h, last, champion).value();
  }
  // Forecasts [first, last) with quantiles `scale` times those of the market's own distribution.
  void fill_scaled(int first, int last, double scale, const std::string& champion, char model = 'a') {
    const ModelRow models[] = {test_model(model)};
    ASSERT_TRUE(ledger_->add_models(models));
    for (int n = first; n < last; ++n) {
      ForecastRow f = test_forecast(n);
      f.z = normal_table(scale);
      f.sigma = 0.0141;  // price_at's one-step volatility
      f.har_scale = {1.0, 1.0, 1.0};
      f.champion = champion;
      f.model_sha256 = hex_of(model);
      ASSERT_TRUE(ledger_->append({&f, 1}, {}));
    }
    score(first, last + 1);
  }
};

// The same rows through the code behind `mop evaluate`.
evaluate::ScoredSeries evaluated(int n) {
  const ModelRow m = test_model();
  evaluate::Outcomes o;
  evaluate::Forecasts f;
  evaluate::BaselineForecasts b;
  o.symbol = "BTCUSDT";
  o.tick_size = 0.01;
  o.horizon = f.horizon = kSteps;
  f.levels = m.levels;
  for (auto* part : {&b.fixed, &b.ewma, &b.har}) {
    part->horizon = kSteps;
    part->levels = m.levels;
  }
  b.spike_threshold = evaluate::kUnknown;
  for (int i = 0; i < n; ++i) {
    const ForecastRow row = test_forecast(i);
    o.close_time.push_back(row.as_of);
    o.close.push_back(row.close);
    o.sigma.push_back(row.sigma);
    o.next_log_range.push_back(std::log(1.006 / 0.995));
    f.z.insert(f.z.end(), row.z.begin(), row.z.end());
    f.p_up.insert(f.p_up.end(), row.p_up.begin(), row.p_up.end());
    f.log_range.push_back(*row.log_range);
    for (std::size_t step = 1; step <= kSteps; ++step) {
      o.y.push_back(std::log(price_at(i + static_cast<int>(step)) / row.close));
      const BaselineQuantiles q = baseline_quantiles(row, m, step);
      b.fixed.z.insert(b.fixed.z.end(), q.fixed.begin(), q.fixed.end());
      b.ewma.z.insert(b.ewma.z.end(), q.ewma.begin(), q.ewma.end());
      b.har.z.insert(b.har.z.end(), q.har.begin(), q.har.end());
      for (auto* part : {&b.fixed, &b.ewma, &b.har})
        part->p_up.push_back(0.5);
    }
  }
  auto scored = evaluate::score_series(o, f, b, "1h");
  EXPECT_TRUE(scored.has_value()) << scored.error().message;
  return std::move(*scored);
}

TEST_F(LedgerScoresTest, LiveScoresAreThoseOfEvaluate) {
  constexpr int kRows = 400;
  fill(0, kRows);
  score(0, kRows + static_cast<int>(kSteps));
  const LiveScores s = live();
  const evaluate::ScoredSeries expected = evaluated(kRows);
  const evaluate::SeriesScores& e = expected.scores;
  EXPECT_EQ(s.n, e.n);
  EXPECT_EQ(s.champion, "model");
  EXPECT_EQ(s.first_as_of, close_of(0));
  EXPECT_EQ(s.last_as_of, close_of(kRows - 1));
  for (const auto& [a, b] :
       {std::pair{s.pinball, e.pinball}, std::pair{s.pinball_static, e.pinball_static},
        std::pair{s.pinball_ewma, e.pinball_ewma}, std::pair{s.pinball_har, e.pinball_har},
        std::pair{s.skill_vs_static_pct, e.skill_vs_static_pct},
        std::pair{s.skill_vs_ewma_pct, e.skill_vs_ewma_pct},
        std::pair{s.skill_vs_har_pct, e.skill_vs_har_pct}, std::pair{s.coverage.c50, e.coverage.c50},
        std::pair{s.coverage.c80, e.coverage.c80}, std::pair{s.coverage.c90, e.coverage.c90},
        std::pair{s.coverage.c95, e.coverage.c95}, std::pair{s.direction_accuracy, e.direction_accuracy},
        std::pair{s.direction_ci95.lo, e.direction_ci95.lo},
        std::pair{s.direction_ci95.hi, e.direction_ci95.hi}, std::pair{s.dm_p_vs_har, e.dm_p_vs_har}}) {
    EXPECT_NEAR(a, b, 1e-12);
  }
  EXPECT_EQ(s.direction_n, e.direction_n);
  EXPECT_GT(s.direction_n, 300u);
  for (std::size_t step = 1; step <= kSteps; ++step) {
    double sum = 0, har = 0;
    const Ledger::Visit add = [&](std::int64_t seq, const ForecastRow&) -> Result<void> {
      const auto scores = ledger_->scores_of(seq).value();
      EXPECT_EQ(scores.size(), kSteps);
      sum += scores[step - 1].pinball;
      har += scores[step - 1].pinball_har;
      if (step == 1) {
        EXPECT_NEAR(scores[0].log_range_error, expected.rows[static_cast<std::size_t>(seq) - 2].range_error,
                    1e-12);
      }
      return {};
    };
    ASSERT_TRUE(ledger_->visit("BTCUSDT", Interval::k1h, 0, INT64_MAX, add));
    EXPECT_NEAR(sum / kRows, e.steps[step - 1].pinball, 1e-12);
    EXPECT_NEAR(har / kRows, e.steps[step - 1].pinball_har, 1e-12);
  }
}

TEST_F(LedgerScoresTest, ScoringAgainGivesTheSameRowsAndLeavesTheChainAlone) {
  fill(0, 5);
  const std::string head = report().head;
  score(0, 5);
  const auto once = ledger_->scores_of(2).value();
  ASSERT_EQ(once.size(), kSteps);
  score(0, 5);
  const auto twice = ledger_->scores_of(2).value();
  ASSERT_EQ(twice.size(), kSteps);
  for (std::size_t i = 0; i < kSteps; ++i) {
    EXPECT_TRUE(same_score(once[i], twice[i]));
    EXPECT_EQ(once[i].pinball, twice[i].pinball);
  }
  EXPECT_EQ(report().head, head);
  const ClosedCandle far = candle_at(100), other = candle_at(4, "ETHUSDT"), before = candle_at(0);
  for (const ClosedCandle& candle : {far, other, before})
    EXPECT_TRUE(ledger_->score({&candle, 1}).value().empty());
  ClosedCandle broken = candle_at(4);
  broken.low = 0.0;
  EXPECT_FALSE(ledger_->score({&broken, 1}));
}

TEST_F(LedgerScoresTest, ACandleThatNeverCameLeavesItsStepsUnscoredAndVerifySaysSo) {
  fill(0, 6);
  score(0, 3);
  score(4, 7);
  const LedgerReport r = report();
  EXPECT_TRUE(r.problems.empty());
  ASSERT_EQ(r.unscored.size(), 1u);
  EXPECT_EQ(r.unscored[0].series.symbol, "BTCUSDT");
  EXPECT_EQ(r.unscored[0].steps, 3u);  // forecasts 0, 1 and 2 spoke of candle 3
  EXPECT_EQ(r.unscored[0].first, close_of(3));
  EXPECT_EQ(r.unscored[0].last, close_of(3));
  EXPECT_EQ(live().n, 5u);  // forecast 2 has no next candle
  score(3, 4);
  EXPECT_TRUE(report().unscored.empty());
}

TEST_F(LedgerScoresTest, ScoresComputedAnewShowStoredOnesThatDiffer) {
  fill(0, 6);
  score(0, 7);
  const auto rescore = [&](int last, bool replace) {
    return ledger_
        ->rescore(
            {"BTCUSDT", Interval::k1h}, [&] { return candles(0, last); }, replace)
        .value();
  };
  Recomputed r = rescore(8, false);
  EXPECT_EQ(r.steps.size(), 5u * 3u + 2u);
  EXPECT_EQ(r.forecasts.size(), 6u);
  EXPECT_EQ(r.differing, 0u) << r.first_difference;
  EXPECT_EQ(r.not_stored, 2u);  // of candle 7
  EXPECT_EQ(rescore(8, true).not_stored, 2u);
  EXPECT_EQ(rescore(8, false).not_stored, 0u);

  tamper("UPDATE scores SET pinball = pinball * 0.9999 WHERE seq = 3 AND step = 2");
  r = rescore(8, false);
  EXPECT_EQ(r.differing, 1u);
  EXPECT_NE(r.first_difference.find("forecast 3 (BTCUSDT 1h at 2025-01-01 01:00), step 2"), std::string::npos)
      << r.first_difference;
  // A stored score whose candle is not in the store was invented.
  EXPECT_EQ(rescore(7, false).differing, 1u + 2u);
  EXPECT_EQ(rescore(8, true).differing, 1u);
  EXPECT_EQ(rescore(8, false).differing, 0u);
  EXPECT_TRUE(report().problems.empty());
}

TEST_F(LedgerScoresTest, ACandleThatClosesWhileScoresAreComputedIsNoDifference) {
  fill(0, 6);
  score(0, 6);
  auto reader = open_database(path_, store::Access::kRead);
  auto ledger = Ledger::open(*reader);
  const auto load = [&]() -> Result<market::CandleSeries> {
    auto before = candles(0, 6);
    score(6, 7);  // `serve` goes on
    return before;
  };
  EXPECT_EQ(ledger->rescore({"BTCUSDT", Interval::k1h}, load, false).value().differing, 0u);
}

TEST_F(LedgerScoresTest, AChampionThatIsSurelyWorseThanHarIsDemoted) {
  fill_scaled(0, 499, 3.0, "model");
  EXPECT_EQ(ledger_->demotion("BTCUSDT", Interval::k1h, "model").value(), std::nullopt);  // one too few
  fill_scaled(499, 500, 3.0, "model");
  const auto why = ledger_->demotion("BTCUSDT", Interval::k1h, "model").value();
  ASSERT_TRUE(why.has_value());
  EXPECT_NE(why->find("model was worse than har by "), std::string::npos) << *why;
  EXPECT_NE(why->find("over its last 500 forecasts"), std::string::npos) << *why;
  EXPECT_EQ(ledger_->demotion("ETHUSDT", Interval::k1h, "model").value(), std::nullopt);
  EXPECT_EQ(ledger_->demotion("BTCUSDT", Interval::k1h, "har").value(), std::nullopt);
  EXPECT_EQ(ledger_->demotion("BTCUSDT", Interval::k1h, "unified").value(), std::nullopt);
  // A new model file is judged by its own forecasts.
  EXPECT_TRUE(ledger_->demotion("BTCUSDT", Interval::k1h, "model", hex_of('a')).value());
  EXPECT_EQ(ledger_->demotion("BTCUSDT", Interval::k1h, "model", hex_of('b')).value(), std::nullopt);
  fill_scaled(500, 1000, 1.02, "model", 'b');
  EXPECT_EQ(ledger_->demotion("BTCUSDT", Interval::k1h, "model", hex_of('b')).value(), std::nullopt);
  EXPECT_EQ(ledger_->demotion("BTCUSDT", Interval::k1h, "model").value(), std::nullopt);
}

TEST(DemotionTest, NeedsALossThatChanceDoesNotExplain) {
  std::vector<ScoredForecast> forecasts(kDemotionWindow);
  const auto with_difference = [&](double mean) {
    Rng rng(3, 1);
    const std::size_t half = forecasts.size() / 2;
    for (std::size_t i = 0; i < half; ++i) {
      const double noise = 0.1 * rng.normal();
      for (const std::size_t k : {i, i + half}) {  // the noise adds up to nothing
        forecasts[k].as_of = close_of(static_cast<int>(k));
        forecasts[k].horizon = 7;
        forecasts[k].score.pinball_har = 0.3;
        forecasts[k].score.pinball = 0.3 + mean + (k == i ? noise : -noise);
      }
    }
    return demotion_of(forecasts, "model");
  };
  EXPECT_TRUE(with_difference(0.03).has_value());
  EXPECT_FALSE(with_difference(0.003).has_value());
  EXPECT_FALSE(with_difference(-0.03).has_value());  // better, however surely
}

TEST_F(LedgerScoresTest, APoolWeighsEveryForecastTheSame) {
  const ModelRow models[] = {test_model()};
  ASSERT_TRUE(ledger_->add_models(models));
  for (int n = 0; n < 300; ++n) {
    std::vector<ForecastRow> rows{test_forecast(n)};
    if (n >= 200) {
      rows.push_back(test_forecast(n, "ETHUSDT"));
      rows.back().champion = "har";
      rows.back().z = normal_table(2.0);
    }
    ASSERT_TRUE(ledger_->append(rows, {}));
  }
  score(0, 301);
  score(200, 301, "ETHUSDT");
  const LiveScores btc = live(), eth = ledger_->live_scores("ETHUSDT", Interval::k1h, kAll).value();
  const LiveScores pool = ledger_->pooled_scores(Interval::k1h, kAll).value();
  EXPECT_EQ(pool.symbol, "pooled");
  EXPECT_EQ(pool.champion, "mixed");
  EXPECT_EQ(pool.n, 400u);
  EXPECT_NEAR(pool.pinball, (300 * btc.pinball + 100 * eth.pinball) / 400.0, 1e-12);
  EXPECT_NEAR(pool.coverage.c90, (300 * btc.coverage.c90 + 100 * eth.coverage.c90) / 400.0, 1e-12);
  EXPECT_LT(pool.direction_ci95.lo, pool.direction_accuracy);
  EXPECT_GT(pool.direction_ci95.hi, pool.direction_accuracy);
  const LiveScores har = ledger_->pooled_scores(Interval::k1h, kAll, "har").value();
  EXPECT_EQ(har.champion, "har");
  EXPECT_EQ(har.n, 100u);
  EXPECT_NEAR(har.pinball, eth.pinball, 1e-12);
  EXPECT_EQ(live(50).n, 50u);
  EXPECT_EQ(live(50).first_as_of, close_of(250));
  EXPECT_EQ(live(50, "har").n, 0u);
  EXPECT_TRUE(std::isnan(live(50, "har").pinball));
  EXPECT_EQ(ledger_->pooled_scores(Interval::k15m, kAll).value().n, 0u);
}

TEST_F(LedgerScoresTest, TheExportHasALineForEachStepAndEmptyCellsForWhatIsNotKnown) {
  const ModelRow models[] = {test_model()};
  ASSERT_TRUE(ledger_->add_models(models));
  ForecastRow f = test_forecast(0);
  f.reason = "demoted, \"so\" har";
  f.log_range.reset();
  ASSERT_TRUE(ledger_->append({&f, 1}, {}));
  score(1, 2);
  std::string csv;
  const std::vector<store::SeriesKey> series{{"BTCUSDT", Interval::k1h}};
  const auto write = [&](std::string_view piece) -> Result<void> {
    csv += piece;
    return {};
  };
  EXPECT_EQ(export_csv(*ledger_, series, {0, INT64_MAX}, write).value(), kSteps);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < csv.size(); at = csv.find('\n', at) + 1)
    lines.push_back(csv.substr(at, csv.find('\n', at) - at));
  ASSERT_EQ(lines.size(), 1 + kSteps);
  EXPECT_TRUE(lines[0].starts_with("seq,symbol,timeframe,as_of,made_at,champion,reason,")) << lines[0];
  EXPECT_NE(lines[0].find(",q_0.025,"), std::string::npos);
  EXPECT_TRUE(lines[1].starts_with(
      fmt::format("2,BTCUSDT,1h,{},{},model,\"demoted, \"\"so\"\" har\",BTCUSDT_1h,", f.as_of, f.made_at)))
      << lines[1];
  EXPECT_TRUE(lines[2].ends_with(std::string(16, ','))) << lines[2];
  const auto columns = std::count(lines[0].begin(), lines[0].end(), ',');
  EXPECT_EQ(columns, 17 + 4 * 9 + 16 - 1);
  EXPECT_EQ(std::count(lines[2].begin(), lines[2].end(), ','),
            columns + 1);  // one comma in the quoted reason
  EXPECT_EQ(export_csv(*ledger_, series, {close_of(1), INT64_MAX}, write).value(), 0u);
}

}  // namespace
}  // namespace mop::serve
