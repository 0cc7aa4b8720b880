#include "mop/exchange/stream_candles.h"

#include "mop/exchange/kline_frame.h"

namespace mop::exchange {

StreamCandles::StreamCandles(const std::vector<StreamSeries>& series) {
  for (const StreamSeries& one : series) {
    places_.emplace(std::pair(one.symbol, market::to_string(one.interval)), series_.size());
    series_.push_back({one.interval, {}, 0});
  }
}

Result<StreamNews> StreamCandles::read(std::string_view text, std::int64_t received_us) {
  MOP_TRY_ASSIGN(const StreamFrame frame, parse_stream_frame(text));
  StreamNews news;
  news.shutdown = std::holds_alternative<ServerShutdown>(frame);
  const auto* kline = std::get_if<KlineFrame>(&frame);
  if (kline == nullptr) return news;
  const auto place = places_.find(std::pair(kline->symbol, kline->interval));
  if (place == places_.end()) return news;
  Series& series = series_[place->second];
  if (const auto* closed = std::get_if<market::Candle>(&kline->candle))
    MOP_TRY(market::validate(*closed, series.interval));
  news.kline = true;
  const StreamCandle candle{place->second, kline->event_time, received_us, kline->candle};
  if (is_new(series, candle)) news.candle = candle;
  return news;
}

bool StreamCandles::is_new(Series& series, const StreamCandle& candle) {
  if (const auto* open = std::get_if<market::OpenCandle>(&candle.candle)) {
    const bool overtaken = candle.event_time < series.sent ||
                           (!series.closed.empty() && open->open_time() <= *series.closed.rbegin());
    if (!overtaken) series.sent = candle.event_time;
    return !overtaken;
  }
  const UnixMillis open_time = std::get<market::Candle>(candle.candle).open_time;
  const bool full = series.closed.size() >= kRemembered;
  if ((full && open_time < *series.closed.begin()) || !series.closed.insert(open_time).second) {
    ++repeated_;
    return false;
  }
  if (full) series.closed.erase(series.closed.begin());
  return true;
}

}  // namespace mop::exchange
