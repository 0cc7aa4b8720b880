// The ledger's scores: stored when a candle closes, read back for live figures, recomputed from candles.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "mop/serve/ledger.h"
#include "mop/serve/ledger_statements.h"

namespace mop::serve {
namespace {

using store::Rows;
using store::Value;

constexpr UnixMillis kForever = std::numeric_limits<UnixMillis>::max();

Value known(double x) {
  return std::isfinite(x) ? Value(x) : Value(std::monostate{});
}
Value known(std::int8_t flag) {
  return flag >= 0 ? Value(std::int64_t{flag}) : Value(std::monostate{});
}
std::int8_t flag(const Rows& rows, int column) {
  return rows.is_null(column) ? std::int8_t{-1} : static_cast<std::int8_t>(rows.integer(column));
}

Result<void> check(const ClosedCandle& c) {
  const bool prices = std::isfinite(c.close) && std::isfinite(c.high) && c.low > 0.0 && c.close > 0.0;
  if (prices && c.high >= c.low) return {};
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("ledger: candle {} must have prices above 0 and high >= low, has close {}, high {}, low {}",
                  close_text(c.symbol, c.interval, c.close_time), c.close, c.high, c.low));
}

std::optional<ClosedCandle> candle_closing(const market::CandleSeries& candles, UnixMillis close_time) {
  const std::size_t i = candles.lower_bound(close_time + 1 - market::length_of(candles.interval));
  if (i >= candles.size() || candles.close_time(i) != close_time) return std::nullopt;
  return ClosedCandle{candles.symbol,   candles.interval, close_time,
                      candles.close[i], candles.high[i],  candles.low[i]};
}

// Counts how one forecast's stored scores differ from those that come out.
void compare(const ForecastRow& row, std::span<const StepScore> fresh, std::span<const StepScore> stored,
             Recomputed& out) {
  const auto find = [](std::span<const StepScore> in, std::int64_t step) {
    return std::find_if(in.begin(), in.end(), [&](const StepScore& s) { return s.step == step; });
  };
  const auto differs = [&](const StepScore& s, std::string_view how) {
    if (++out.differing > 1) return;
    out.first_difference = fmt::format("forecast {} ({}), step {}: {}", s.seq,
                                       close_text(row.symbol, row.interval, row.as_of), s.step, how);
  };
  for (const StepScore& s : fresh) {
    const auto there = find(stored, s.step);
    if (there == stored.end()) {
      ++out.not_stored;
    } else if (!same_score(s, *there)) {
      differs(s, fmt::format("stored pinball loss {} of a close of {}, computed {} of {}", there->pinball,
                             there->close, s.pinball, s.close));
    }
  }
  for (const StepScore& s : stored) {
    if (find(fresh, s.step) == fresh.end()) differs(s, "scored, but its candle is not in the store");
  }
}

}  // namespace

StepScore score_from(const Rows& rows, std::int64_t seq, int first) {
  StepScore s;
  s.seq = seq;
  s.step = rows.integer(first);
  s.close = rows.real(first + 1);
  s.high = rows.real(first + 2);
  s.low = rows.real(first + 3);
  s.z = rows.real(first + 4);
  s.pinball = rows.real(first + 5);
  s.pinball_static = rows.real(first + 6);
  s.pinball_ewma = rows.real(first + 7);
  s.pinball_har = rows.real(first + 8);
  for (int i = 0; i < 4; ++i)
    s.inside[static_cast<std::size_t>(i)] = flag(rows, first + 9 + i);
  s.direction = flag(rows, first + 13);
  s.log_range_error = rows.real(first + 14);
  s.abs_error = rows.real(first + 15);
  s.abs_move = rows.real(first + 16);
  return s;
}

Result<void> Ledger::store_score(const StepScore& s) {
  return sql_->add_score.run({s.seq, s.step, s.close, s.high, s.low, s.z, s.pinball, s.pinball_static,
                              s.pinball_ewma, s.pinball_har, known(s.inside[0]), known(s.inside[1]),
                              known(s.inside[2]), known(s.inside[3]), known(s.direction),
                              known(s.log_range_error), known(s.abs_error), known(s.abs_move)});
}

Result<void> Ledger::score_candle(const ClosedCandle& candle, std::vector<ScoredStep>& scored) {
  const DurationMillis length = market::length_of(candle.interval);
  Rows rows = sql_->due.query({candle.symbol, market::to_string(candle.interval), candle.close_time, length});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return {};
    MOP_TRY_ASSIGN(ForecastRow row, read_forecast(rows));
    const auto step = static_cast<std::size_t>((candle.close_time - row.as_of) / length);
    if ((candle.close_time - row.as_of) % length != 0 || step > row.horizon) continue;
    MOP_TRY_ASSIGN(const ModelRow* model, model_for(row));
    StepScore score = score_step(rows.integer(0), row, *model, step, candle);
    MOP_TRY(store_score(score));
    scored.push_back({std::move(row), score});
  }
}

Result<std::vector<ScoredStep>> Ledger::score(std::span<const ClosedCandle> candles) {
  for (const ClosedCandle& candle : candles)
    MOP_TRY(check(candle));
  MOP_TRY_ASSIGN(auto transaction, store::Transaction::begin(*database_));
  std::vector<ScoredStep> scored;
  for (const ClosedCandle& candle : candles)
    MOP_TRY(score_candle(candle, scored));
  MOP_TRY(transaction.commit());
  return scored;
}

Result<std::vector<StepScore>> Ledger::scores_of(std::int64_t seq) {
  std::vector<StepScore> scores;
  Rows rows = sql_->scores.query({seq});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) return scores;
    scores.push_back(score_from(rows, seq, 0));
  }
}

Result<std::vector<ScoredForecast>> Ledger::scored(std::string_view symbol, market::Interval interval,
                                                   std::size_t last, std::string_view champion,
                                                   std::string_view model_sha256) {
  const auto limit = static_cast<std::int64_t>(std::min(last, static_cast<std::size_t>(INT64_MAX)));
  std::vector<ScoredForecast> forecasts;
  Rows rows = sql_->scored.query({symbol, market::to_string(interval), champion, model_sha256, limit});
  while (true) {
    MOP_TRY_ASSIGN(const bool more, rows.next());
    if (!more) break;
    forecasts.push_back({rows.integer(1), rows.text(2), static_cast<std::size_t>(rows.integer(3)),
                         score_from(rows, rows.integer(0), 4)});
  }
  std::reverse(forecasts.begin(), forecasts.end());
  return forecasts;
}

Result<LiveScores> Ledger::live_scores(std::string_view symbol, market::Interval interval, std::size_t last,
                                       std::string_view champion) {
  std::vector<std::vector<ScoredForecast>> one(1);
  MOP_TRY_ASSIGN(one[0], scored(symbol, interval, last, champion));
  return summarise(one, std::string(symbol), interval);
}

Result<LiveScores> Ledger::pooled_scores(market::Interval interval, std::size_t last,
                                         std::string_view champion) {
  MOP_TRY_ASSIGN(const auto all, series());
  std::vector<std::vector<ScoredForecast>> pool;
  for (const store::SeriesKey& key : all) {
    if (key.interval != interval) continue;
    MOP_TRY_ASSIGN(auto forecasts, scored(key.symbol, interval, last, champion));
    if (!forecasts.empty()) pool.push_back(std::move(forecasts));
  }
  return summarise(pool, "pooled", interval);
}

Result<std::optional<std::string>> Ledger::demotion(std::string_view symbol, market::Interval interval,
                                                    std::string_view champion,
                                                    std::string_view model_sha256) {
  if (champion == "har") return std::nullopt;
  MOP_TRY_ASSIGN(const auto forecasts, scored(symbol, interval, kDemotionWindow, champion, model_sha256));
  return demotion_of(forecasts, champion);
}

Result<Recomputed> Ledger::recompute(const store::SeriesKey& series, const market::CandleSeries& candles) {
  const DurationMillis length = market::length_of(series.interval);
  Recomputed out;
  const Visit score_row = [&](std::int64_t seq, const ForecastRow& row) -> Result<void> {
    MOP_TRY_ASSIGN(const ModelRow* model, model_for(row));
    const std::size_t before = out.steps.size();
    for (std::size_t step = 1; step <= row.horizon; ++step) {
      const auto candle = candle_closing(candles, row.as_of + static_cast<DurationMillis>(step) * length);
      if (!candle) continue;
      out.steps.push_back(score_step(seq, row, *model, step, *candle));
      if (step == 1) out.forecasts.push_back({row.as_of, row.champion, row.horizon, out.steps.back()});
    }
    MOP_TRY_ASSIGN(const auto stored, scores_of(seq));
    compare(row, std::span(out.steps).subspan(before), stored, out);
    return {};
  };
  MOP_TRY(visit(series.symbol, series.interval, 0, kForever, score_row));
  return out;
}

Result<Recomputed> Ledger::rescore(const store::SeriesKey& series, const LoadCandles& load, bool replace) {
  using store::Transaction;
  MOP_TRY_ASSIGN(auto transaction,
                 replace ? Transaction::begin(*database_) : Transaction::snapshot(*database_));
  MOP_TRY_ASSIGN(const market::CandleSeries candles, load());
  MOP_TRY_ASSIGN(Recomputed out, recompute(series, candles));
  if (!replace) return out;
  MOP_TRY(sql_->drop_scores.run({series.symbol, market::to_string(series.interval)}));
  for (const StepScore& score : out.steps)
    MOP_TRY(store_score(score));
  MOP_TRY(transaction.commit());
  return out;
}

}  // namespace mop::serve
