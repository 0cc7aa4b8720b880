#include "mop/serve/api_json.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/check.h"
#include "mop/base/json.h"
#include "mop/serve/ledger_json.h"

namespace mop::serve {
namespace {

namespace bj = boost::json;

bj::value or_null(std::int8_t flag) {
  return flag < 0 ? bj::value(nullptr) : bj::value(flag == 1);
}

bj::value time_or_null(UnixMillis t) {
  return t == 0 ? bj::value(nullptr) : bj::value(t);
}

// NaN becomes null when it is written (to_json_text).
bj::value number(const std::optional<double>& x) {
  return x ? bj::value(*x) : bj::value(nullptr);
}

std::int64_t age_s(UnixMillis trained_until, UnixMillis now) {
  return (now - trained_until) / kSecond;
}

bj::value model_of(const ForecastRow& row, const Board& board) {
  const auto model = std::ranges::find(board.models, row.model_sha256, &BoardModel::sha256);
  if (model != board.models.end()) return model_json(*model, board.health.exchange_now);
  return {{"id", row.model_id}, {"sha256", row.model_sha256}, {"trained_until", nullptr},
          {"age_s", nullptr},   {"certified", nullptr},       {"certificate_mark", nullptr},
          {"expired", nullptr}};
}

bj::value steps_json(const ForecastRow& row) {
  const std::size_t levels = row.levels.size();
  MOP_CHECK(row.z.size() == row.horizon * levels && row.p_up.size() == row.horizon)
      << row.z.size() << " quantiles for " << row.horizon << " steps and " << levels << " levels";
  bj::array steps;
  for (std::size_t h = 0; h < row.horizon; ++h) {
    const auto ahead = static_cast<double>(h + 1);
    const double unit = row.sigma * std::sqrt(ahead);
    bj::object quantiles;
    bj::value median = nullptr;
    for (std::size_t k = 0; k < levels; ++k) {
      const double price = row.close * std::exp(row.z[h * levels + k] * unit);
      quantiles[fmt::format("{}", row.levels[k])] = price;
      if (row.levels[k] == 0.5) median = price;
    }
    const auto candles = static_cast<DurationMillis>(h + 1);
    steps.push_back({{"step", h + 1},
                     {"close_time", row.as_of + candles * market::length_of(row.interval)},
                     {"median", std::move(median)},
                     {"quantiles", std::move(quantiles)},
                     {"p_up", row.p_up[h]}});
  }
  return steps;
}

}  // namespace

bj::value health_json(const Board& board) {
  const BoardHealth& h = board.health;
  bj::array stale;
  for (const BoardSeries& series : board.series) {
    if (!series.stale) continue;
    stale.emplace_back(fmt::format("{} {}", series.key.symbol, market::to_string(series.key.interval)));
  }
  return {{"ready", h.ready},
          {"exchange_now", h.exchange_now},
          {"stream", h.stream},
          {"forecasts", h.forecasts},
          {"missed", h.missed},
          {"reconnects", h.reconnects},
          {"rest_requests", h.rest_requests},
          {"late_candles", h.late_candles},
          {"close_to_ledger_ms", h.close_to_ledger_ms},
          {"last_close", h.last_close},
          {"stale_series", std::move(stale)}};
}

bj::value series_json(const BoardSeries& s) {
  const bool forecast = s.forecast.has_value();
  return {{"symbol", s.key.symbol},
          {"timeframe", market::to_string(s.key.interval)},
          {"last_price", number(s.last_price)},
          {"close", s.candles.empty() ? bj::value(nullptr) : bj::value(s.candles.back().close)},
          {"last_close_time", time_or_null(s.last_close_time)},
          {"stale", s.stale},
          {"champion", s.champion},
          {"champion_reason", s.champion_reason},
          {"forecast_as_of", forecast ? bj::value(s.forecast->as_of) : bj::value(nullptr)},
          {"forecast_seq", forecast ? bj::value(s.seq) : bj::value(nullptr)},
          {"scores", s.scores ? bj::value(to_json(*s.scores)) : bj::value(nullptr)}};
}

bj::value forecast_json(std::int64_t seq, const ForecastRow& row, const Board& board) {
  return {{"symbol", row.symbol},
          {"timeframe", market::to_string(row.interval)},
          {"seq", seq},
          {"as_of_close_time", row.as_of},
          {"made_at", row.made_at},
          {"close", row.close},
          {"champion", row.champion},
          {"reason", row.reason},
          {"model", model_of(row, board)},
          {"input_hash", row.input_hash},
          {"steps", steps_json(row)},
          {"expected_log_range", number(row.log_range)}};
}

bj::value score_json(const ForecastRow& row, const StepScore& s) {
  return {{"symbol", row.symbol},
          {"timeframe", market::to_string(row.interval)},
          {"seq", s.seq},
          {"as_of_close_time", row.as_of},
          {"step", s.step},
          {"close", s.close},
          {"high", s.high},
          {"low", s.low},
          {"z", s.z},
          {"pinball", s.pinball},
          {"pinball_static", s.pinball_static},
          {"pinball_ewma", s.pinball_ewma},
          {"pinball_har", s.pinball_har},
          {"inside",
           {{"50", or_null(s.inside[0])},
            {"80", or_null(s.inside[1])},
            {"90", or_null(s.inside[2])},
            {"95", or_null(s.inside[3])}}},
          {"direction_right", or_null(s.direction)}};
}

bj::value model_json(const BoardModel& m, UnixMillis exchange_now) {
  return {{"id", m.id},
          {"sha256", m.sha256},
          {"trained_until", m.trained_until},
          {"age_s", age_s(m.trained_until, exchange_now)},
          {"certified", m.certified},
          {"certificate_mark", m.mark},
          {"expired", m.expired}};
}

ServiceEvent forecast_event(std::int64_t seq, const ForecastRow& row, const Board& board) {
  return {ServiceEvent::Kind::kForecast, to_json_text(forecast_json(seq, row, board))};
}

ServiceEvent score_event(const ForecastRow& row, const StepScore& score) {
  return {ServiceEvent::Kind::kScore, to_json_text(score_json(row, score))};
}

ServiceEvent health_event(const Board& board) {
  return {ServiceEvent::Kind::kHealth, to_json_text(health_json(board))};
}

}  // namespace mop::serve
