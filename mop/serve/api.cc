#include "mop/serve/api.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "mop/serve/alerts_api.h"
#include "mop/serve/api_json.h"
#include "mop/serve/api_query.h"
#include "mop/serve/chart_svg.h"
#include "mop/serve/history.h"
#include "mop/serve/ledger_json.h"
#include "mop/serve/metrics.h"

namespace mop::serve {
namespace {

namespace bj = boost::json;

HttpReply json_reply(const bj::value& value) {
  HttpReply reply;
  reply.body = to_json_text(value);
  return reply;
}

HttpReply not_found(std::string_view message) {
  return failure(404, "not_found", message);
}

template <typename T>
using Read = tl::expected<T, HttpReply>;

Read<const BoardSeries*> series_of(const ApiCall& call) {
  const std::string &symbol = call.path[0], &timeframe = call.path[1];
  for (const BoardSeries& series : call.board.series) {
    if (series.key.symbol == symbol && market::to_string(series.key.interval) == timeframe) return &series;
  }
  return tl::unexpected(not_found(fmt::format(
      "series {} {} is not served; /api/v1/series lists those that are", shown(symbol), shown(timeframe))));
}

HttpReply live(const ApiCall&) {
  return json_reply({{"status", "ok"}});
}

HttpReply ready(const ApiCall& call) {
  if (call.board.health.ready) return json_reply(health_json(call.board));
  return failure(503, "not_ready", "models are being loaded and history is being replayed; ask again soon");
}

HttpReply all_series(const ApiCall& call) {
  bj::array series;
  for (const BoardSeries& one : call.board.series)
    series.push_back(series_json(one));
  return json_reply({{"series", std::move(series)}});
}

HttpReply candles(const ApiCall& call) {
  const auto series = series_of(call);
  if (!series) return series.error();
  const auto limit = number_of(call, "limit", 1, kBoardCandles, 100);
  if (!limit) return limit.error();
  const auto& all = (*series)->candles;
  bj::array rows;
  for (std::size_t i = all.size() - std::min(all.size(), static_cast<std::size_t>(*limit)); i < all.size();
       ++i) {
    const BoardCandle& c = all[i];
    rows.push_back({{"open_time", c.open_time},
                    {"open", c.open},
                    {"high", c.high},
                    {"low", c.low},
                    {"close", c.close},
                    {"volume", c.volume}});
  }
  return json_reply({{"symbol", call.path[0]}, {"timeframe", call.path[1]}, {"candles", std::move(rows)}});
}

HttpReply forecast(const ApiCall& call) {
  const auto series = series_of(call);
  if (!series) return series.error();
  if (!(*series)->forecast)
    return not_found(
        fmt::format("{} {} has no forecast yet; one is made at every close", call.path[0], call.path[1]));
  return json_reply(forecast_json((*series)->seq, *(*series)->forecast, call.board));
}

HttpReply all_forecasts(const ApiCall& call) {
  bj::array forecasts;
  for (const BoardSeries& one : call.board.series) {
    if (one.forecast) forecasts.push_back(forecast_json(one.seq, *one.forecast, call.board));
  }
  return json_reply({{"forecasts", std::move(forecasts)}});
}

HttpReply chart(const ApiCall& call) {
  const auto series = series_of(call);
  if (!series) return series.error();
  const auto count = number_of(call, "candles", 10, kBoardCandles, 48);
  if (!count) return count.error();
  const auto theme = parse_chart_theme(call.target.find("theme").value_or("auto"));
  if (!theme) return failure(400, "invalid_argument", theme.error().message);
  if ((*series)->candles.empty())
    return not_found(
        fmt::format("{} {} has no candles yet; the first comes when one closes", call.path[0], call.path[1]));
  HttpReply reply;
  reply.content_type = "image/svg+xml";
  reply.body = chart_svg(**series, static_cast<std::size_t>(*count), *theme);
  return reply;
}

HttpReply models(const ApiCall& call) {
  bj::array all;
  for (const BoardModel& model : call.board.models)
    all.push_back(model_json(model, call.board.health.exchange_now));
  return json_reply({{"models", std::move(all)}});
}

HttpReply scores(const ApiCall& call) {
  bj::array pooled, series;
  for (const LiveScores& pool : call.board.pooled)
    pooled.push_back(to_json(pool));
  for (const BoardSeries& one : call.board.series) {
    if (one.scores) series.push_back(to_json(*one.scores));
  }
  return json_reply({{"pooled", std::move(pooled)}, {"series", std::move(series)}});
}

HttpReply coverage(const ApiCall& call) {
  bj::array all;
  for (const BoardSeries& series : call.board.series) {
    const LiveScores scores = series.scores.value_or(LiveScores{});
    all.push_back({{"symbol", series.key.symbol},
                   {"timeframe", market::to_string(series.key.interval)},
                   {"champion", scores.champion},
                   {"n", scores.n},
                   {"coverage", to_json(scores).at("coverage")}});
  }
  return json_reply({{"series", std::move(all)}});
}

bj::value page_json(const ApiCall& call, const HistoryPage& page) {
  bj::array forecasts, missed;
  for (const PastForecast& past : page.forecasts) {
    bj::array scores;
    for (const StepScore& score : past.scores)
      scores.push_back(score_json(past.row, score));
    forecasts.push_back({{"forecast", forecast_json(past.seq, past.row, call.board)},
                         {"hash", past.hash},
                         {"scores", std::move(scores)}});
  }
  for (const MissedRow& row : page.missed)
    missed.push_back({{"as_of_close_time", row.as_of}, {"noted_at", row.noted_at}, {"reason", row.reason}});
  return {{"symbol", call.path[0]},
          {"timeframe", call.path[1]},
          {"scores", to_json(page.scores)},
          {"forecasts", std::move(forecasts)},
          {"missed", std::move(missed)},
          {"next_before", page.next_before ? bj::value(*page.next_before) : bj::value(nullptr)}};
}

HttpReply track_record(const ApiCall& call) {
  const auto series = series_of(call);
  if (!series) return series.error();
  const auto limit = number_of(call, "limit", 1, 200, 50);
  if (!limit) return limit.error();
  const auto before = number_of(call, "before", 0, INT64_MAX, INT64_MAX);
  if (!before) return before.error();
  const store::SeriesKey& key = (*series)->key;
  const auto page = call.history->page(key.symbol, key.interval, *before, static_cast<std::size_t>(*limit));
  if (!page) return failure(503, to_string(page.error().code), page.error().message);
  return json_reply(page_json(call, *page));
}

HttpReply metrics(const ApiCall& call) {
  HttpReply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = metrics_text(call.board, call.counts);
  return reply;
}

using enum RouteKind;
constexpr Route kRoutes[] = {
    {"GET", "/api/v1/health/live", kBoard, live, "", true},
    {"GET", "/api/v1/health/ready", kBoard, ready},
    {"GET", "/api/v1/series", kBoard, all_series},
    {"GET", "/api/v1/forecasts", kBoard, all_forecasts},
    {"GET", "/api/v1/series/{symbol}/{timeframe}/candles", kBoard, candles, "limit"},
    {"GET", "/api/v1/series/{symbol}/{timeframe}/forecast", kBoard, forecast},
    {"GET", "/api/v1/series/{symbol}/{timeframe}/track-record", kDatabase, track_record, "limit before"},
    {"GET", "/api/v1/series/{symbol}/{timeframe}/chart.svg", kBoard, chart, "candles theme"},
    {"GET", "/api/v1/models", kBoard, models},
    {"GET", "/api/v1/scores", kBoard, scores},
    {"GET", "/api/v1/coverage", kBoard, coverage},
    {"GET", "/api/v1/alerts", kDatabase, list_alerts, "owner after limit"},
    {"POST", "/api/v1/alerts", kDatabase, add_alert},
    {"POST", "/api/v1/alerts/preview", kDatabase, preview_alert},
    {"GET", "/api/v1/alerts/{id}", kDatabase, one_alert},
    {"PATCH", "/api/v1/alerts/{id}", kDatabase, change_alert},
    {"DELETE", "/api/v1/alerts/{id}", kDatabase, remove_alert},
    {"GET", "/api/v1/firings", kDatabase, list_firings, "after limit alert undelivered_to order"},
    {"GET", "/api/v1/firings/{id}/deliveries", kDatabase, list_deliveries},
    {"POST", "/api/v1/firings/{id}/deliveries", kDatabase, add_delivery},
    {"GET", "/api/v1/events", kEvents, nullptr},
    {"GET", "/metrics", kServer, metrics},
    {"GET", "/", kFile, nullptr, "", true},
    {"GET", "/assets/{file}", kFile, nullptr, "", true},
};

}  // namespace

std::span<const Route> api_routes() {
  return kRoutes;
}

}  // namespace mop::serve
