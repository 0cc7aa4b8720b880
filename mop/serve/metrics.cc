#include "mop/serve/metrics.h"

#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace mop::serve {
namespace {

class Text {
 public:
  void metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  template <typename T>
  void sample(T value, std::string_view labels = "") {
    out_ += fmt::format("{}{} {}\n", name_, labels, value);
  }
  template <typename T>
  void one(std::string_view name, std::string_view type, T value, std::string_view help) {
    metric(name, type, help);
    sample(value);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string_view name_;
  std::string out_;
};

double seconds(DurationMillis t) {
  return static_cast<double>(t) / kSecond;
}

std::string labels_of(const BoardSeries& series) {
  return fmt::format("{{symbol=\"{}\",timeframe=\"{}\"}}", series.key.symbol,
                     market::to_string(series.key.interval));
}

void service(Text& text, const BoardHealth& h) {
  text.one("mop_ready", "gauge", h.ready ? 1 : 0, "Models are loaded and history is replayed.");
  text.one("mop_stream_connected", "gauge", h.stream == "connected" ? 1 : 0,
           "The exchange's stream is connected.");
  text.one("mop_exchange_time_seconds", "gauge", seconds(h.exchange_now), "The exchange's clock.");
  text.one("mop_last_close_seconds", "gauge", seconds(h.last_close), "Newest close that was forecast.");
  text.one("mop_close_to_ledger_seconds", "gauge", h.close_to_ledger_ms / 1000.0,
           "Newest close: last closing frame to commit.");
  text.one("mop_forecasts_total", "counter", h.forecasts, "Forecasts written to the ledger.");
  text.one("mop_missed_total", "counter", h.missed, "Closes that were not forecast in time.");
  text.one("mop_late_candles_total", "counter", h.late_candles,
           "Candles that came after their close was handled.");
  text.one("mop_reconnects_total", "counter", h.reconnects, "Connections made anew to the stream.");
  text.one("mop_retraining", "gauge", h.retraining ? 1 : 0, "Models are being trained again.");
  text.one("mop_rest_requests_total", "counter", h.rest_requests, "Requests to the exchange's REST API.");
}

void series(Text& text, const Board& board) {
  text.metric("mop_series_stale", "gauge", "More than two candles behind the exchange.");
  for (const BoardSeries& s : board.series)
    text.sample(s.stale ? 1 : 0, labels_of(s));
  text.metric("mop_series_last_close_seconds", "gauge", "Close time of the newest closed candle.");
  for (const BoardSeries& s : board.series)
    text.sample(seconds(s.last_close_time), labels_of(s));
  const auto scored = [&](std::string_view name, std::string_view help, auto figure) {
    text.metric(name, "gauge", help);
    for (const BoardSeries& s : board.series) {
      if (s.scores && std::isfinite(figure(*s.scores))) text.sample(figure(*s.scores), labels_of(s));
    }
  };
  scored("mop_series_skill_vs_har_percent", "Live pinball loss saved against HAR.",
         [](const LiveScores& s) { return s.skill_vs_har_pct; });
  scored("mop_series_coverage_90_ratio", "Share of closes inside the live 90 % interval.",
         [](const LiveScores& s) { return s.coverage.c90; });
}

void http(Text& text, const HttpCounts& c) {
  text.metric("mop_http_replies_total", "counter", "Replies by the first digit of their status.");
  for (std::size_t digit = 2; digit < c.replies.size(); ++digit)
    text.sample(c.replies[digit], fmt::format("{{status=\"{}xx\"}}", digit));
  text.one("mop_http_rate_limited_total", "counter", c.rate_limited, "Requests refused with 429.");
  text.one("mop_http_connections_refused_total", "counter", c.connections_refused, "Beyond the limit.");
  text.one("mop_http_connections", "gauge", c.connections, "Open connections.");
  text.one("mop_event_clients", "gauge", c.event_clients, "Clients of the event stream.");
  text.one("mop_events_total", "counter", c.events, "Events told.");
  text.one("mop_event_clients_dropped_total", "counter", c.event_clients_dropped,
           "Clients that did not read.");
}

}  // namespace

std::string metrics_text(const Board& board, const HttpCounts& counts) {
  Text text;
  service(text, board.health);
  series(text, board);
  http(text, counts);
  return text.take();
}

}  // namespace mop::serve
