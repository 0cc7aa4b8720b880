#include "mop/app/serve_loop.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "mop/base/clock.h"
#include "mop/base/interrupt.h"
#include "mop/base/log.h"
#include "mop/market/interval.h"
#include "mop/serve/alert_json.h"
#include "mop/serve/api_json.h"

namespace mop::app {
namespace {

constexpr DurationMillis kWait = 20;                // machine time; an event ends it
constexpr std::int64_t kBoardEvery = 500'000;       // microseconds between boards without a close
constexpr DurationMillis kPollAfter = 2 * kSecond;  // behind a close, without a stream
constexpr std::int64_t kLongestHope = 60'000'000;   // microseconds of machine time
constexpr std::int64_t kModelsEvery = 2'000'000;    // microseconds between two looks for other models
constexpr double kFarFromClose = 30'000.0;          // milliseconds of machine time
constexpr std::int64_t kTryAgainAfter = 1'000'000;  // microseconds, when store or ledger failed
constexpr int kMostFailures = 600;
constexpr std::size_t kHealers = 4;

}  // namespace

ServeLoop::ServeLoop(serve::Service& service, store::CandleStore& store, exchange::BinanceRest& rest,
                     ExchangeClock& clock, serve::BoardHolder& board, serve::AlertDesk& alerts,
                     serve::EventSink* sink, ServeLoopOptions options)
    : service_(service),
      store_(store),
      rest_(rest),
      clock_(clock),
      board_(board),
      alerts_(alerts),
      sink_(sink),
      options_(std::move(options)),
      healer_(rest, clock, kHealers) {}

Result<void> ServeLoop::catch_up() {
  MOP_TRY_ASSIGN(const UnixMillis now, rest_.server_time());
  clock_.note(now, monotonic_micros());
  MOP_TRY(store_.settle());
  std::map<std::pair<market::Interval, std::string>, UnixMillis> newest;
  MOP_TRY_ASSIGN(const store::Metadata metadata, store_.metadata());
  for (const store::FileMetadata& file : metadata.files)
    newest[{file.interval, file.symbol}] = file.last_open_time;
  for (const store::SeriesKey& series : service_.series()) {
    const DurationMillis step = market::length_of(series.interval);
    const auto stored = newest.find({series.interval, series.symbol});
    const UnixMillis from = stored == newest.end()
                                ? now - static_cast<DurationMillis>(options_.history) * step
                                : stored->second + step;
    healer_.ask(series, from);
  }
  while (healer_.busy()) {
    if (interrupted()) return fail(ErrorCode::kInterrupted, "serve was interrupted before it began");
    for (const Healed& healed : healer_.take()) {
      if (healed.error)
        log_warning(fmt::format("{} {}: {}", healed.series.symbol, market::to_string(healed.series.interval),
                                healed.error->message));
      if (healed.candles.empty()) continue;
      MOP_TRY(store_.merge(healed.series.symbol, healed.series.interval, healed.candles, "binance"));
    }
    SystemClock().sleep_for(5);
  }
  return {};
}

void ServeLoop::on(const exchange::StreamCandle& candle) {
  clock_.note(candle.event_time, candle.received_us);
  const store::SeriesKey& series = streamed_[candle.series];
  if (const auto* closed = std::get_if<market::Candle>(&candle.candle)) {
    auto& newest = frames_us_[closed->close_time];
    newest = std::max(newest, candle.received_us);
    service_.offer(series, *closed);
  } else {
    prices_[{series.interval, series.symbol}] = std::get<market::OpenCandle>(candle.candle).last_price();
  }
}

void ServeLoop::take_events(exchange::KlineStream& stream, DurationMillis wait) {
  for (auto event = stream.next(wait); event; event = stream.next(0)) {
    if (const auto* candle = std::get_if<exchange::StreamCandle>(&*event)) {
      on(*candle);
    } else if (const auto* up = std::get_if<exchange::StreamConnected>(&*event)) {
      stream_state_ = "connected";
      log_info(fmt::format("connected to {}", up->host));
      connected_ = true;
      ++reconnects_;
      ask_all();  // what closed meanwhile was not heard
    } else if (const auto* down = std::get_if<exchange::StreamDisconnected>(&*event)) {
      stream_state_ = fmt::format("disconnected: {}", down->why);
      log_warning(stream_state_);
      connected_ = false;
    } else if (const auto* blocked = std::get_if<exchange::StreamBlocked>(&*event)) {
      stream_state_ = fmt::format("blocked, REST is asked instead: {}", blocked->why);
      log_warning(stream_state_);
      connected_ = false;
    }
  }
}

void ServeLoop::take_healed() {
  for (const Healed& healed : healer_.take()) {
    for (const market::Candle& candle : healed.candles)
      service_.offer(healed.series, candle);
    if (healed.error)
      log_warning(fmt::format("{} {}: {}", healed.series.symbol, market::to_string(healed.series.interval),
                              healed.error->message));
  }
}

void ServeLoop::ask_all() {
  for (const store::SeriesKey& series : service_.series()) {
    if (const UnixMillis newest = service_.newest(series); newest != 0) healer_.ask(series, newest + 1);
  }
}

// A candle that is overdue while the stream runs, and every close while it does not: once per close.
void ServeLoop::ask_what_is_missing() {
  const UnixMillis next = service_.next_close(), now = clock_.now();
  if (healer_.busy() || polled_ == next) return;
  if (!connected_ && now > next + kPollAfter) {
    polled_ = next;
    ask_all();
    return;
  }
  const auto overdue = service_.overdue(now);
  if (overdue.empty()) return;
  polled_ = next;
  for (const store::SeriesKey& series : overdue)
    healer_.ask(series, service_.newest(series) + 1);
}

// Whether absent candles may still come: REST is being asked, or will be as soon as the close has passed.
// When it does not answer for a while, closes go by as missed, and what it brings later is replayed.
bool ServeLoop::patient() {
  const bool hoping = healer_.busy() || (!connected_ && polled_ != service_.next_close());
  const std::int64_t now = monotonic_micros();
  if (!hoping) {
    held_since_us_ = 0;
  } else if (held_since_us_ == 0) {
    held_since_us_ = now;
  }
  return hoping && now - held_since_us_ < kLongestHope;
}

Result<void> ServeLoop::handle_closes() {
  for (;;) {
    MOP_TRY_ASSIGN(const auto close, service_.handle(clock_.now(), patient()));
    if (!close) return {};
    ++handled_;
    const auto frame = frames_us_.find(close->close_time);
    if (frame != frames_us_.end() && !close->forecasts.empty()) {
      close_to_ledger_ms_ = static_cast<double>(monotonic_micros() - frame->second) / 1000.0;
      times_.close_to_ledger_ms.push_back(close_to_ledger_ms_);
    }
    frames_us_.erase(frames_us_.begin(), frames_us_.upper_bound(close->close_time));
    publish(*close);
  }
}

void ServeLoop::publish(const serve::HandledClose& close) {
  std::string at = format_utc(close.close_time + 1);
  at[at.find(' ')] = 'T';
  log_info(fmt::format(
      "close at={}Z forecasts={} missed={} forecast_us={} ledger_us={} frame_to_ledger_ms={:.1f}", at,
      close.forecasts.size(), close.missed.size(), close.forecast_us, close.ledger_us, close_to_ledger_ms_));
  put_board();  // before the event: who hears it may ask for the rest
  const auto board = board_.get();
  if (sink_ != nullptr) {
    for (std::size_t i = 0; i < close.forecasts.size(); ++i)
      sink_->tell(serve::forecast_event(close.numbers[i], close.forecasts[i], *board));
    sink_->tell(serve::health_event(*board));
  }
  tell_alerts(alerts_.on_close(*board, close.close_time));
}

// They are in the database already; an alert that could not be written is found again at the next close.
void ServeLoop::tell_alerts(Result<std::vector<serve::AlertFiring>> fired) {
  if (!fired) return log_warning(fmt::format("alerts: {}", fired.error().message));
  for (const serve::AlertFiring& firing : *fired) {
    log_info(fmt::format("alert {}: {}", firing.alert, firing.text));
    if (sink_ != nullptr) sink_->tell(serve::alert_event(firing));
  }
}

void ServeLoop::tell_scores(const std::vector<serve::ScoredStep>& scored) {
  if (sink_ == nullptr) return;
  for (const serve::ScoredStep& one : scored)
    sink_->tell(serve::score_event(one.forecast, one.score));
}

void ServeLoop::put_board() {
  auto board = std::make_shared<serve::Board>();
  board->version = ++board_version_;
  board->health.exchange_now = clock_.now();
  board->health.ready = true;
  board->health.stream = stream_state_;
  board->health.reconnects = reconnects_;
  board->health.rest_requests = rest_.counters().requests;
  board->health.close_to_ledger_ms = close_to_ledger_ms_;
  if (options_.describe) options_.describe(board->health);
  service_.describe(*board, board->health.exchange_now);
  for (serve::BoardSeries& series : board->series) {
    if (const auto price = prices_.find({series.key.interval, series.key.symbol}); price != prices_.end())
      series.last_price = price->second;
  }
  board_.put(std::move(board));
  board_put_us_ = monotonic_micros();
}

// Loading and replaying takes seconds, in which no close may fall. Files that cannot be used leave the old
// models.
Result<void> ServeLoop::change_models() {
  const std::int64_t now_us = monotonic_micros();
  const DurationMillis left = service_.next_close() - clock_.now();
  if (!options_.new_models || now_us - models_asked_us_ < kModelsEvery ||
      static_cast<double>(left) < kFarFromClose * options_.speed)
    return {};
  models_asked_us_ = now_us;
  auto host = options_.new_models();
  if (host && !*host) return {};
  const auto used = host ? service_.use(std::move(**host)) : Result<void>(fail(host.error()));
  if (!used) {
    log_error(fmt::format("new models are not used: {}", used.error().message));
    return {};
  }
  MOP_TRY(service_.replay(clock_.now()));
  for (const store::SeriesKey& series : service_.series()) {
    if (std::ranges::find(streamed_, series) == streamed_.end())
      log_warning(fmt::format("{} {} is new: start `mop serve` again to follow it", series.symbol,
                              market::to_string(series.interval)));
  }
  log_info("new models are in use");
  put_board();
  return {};
}

Result<void> ServeLoop::step() {
  MOP_TRY(handle_closes());
  MOP_TRY_ASSIGN(const auto scored, service_.settle(clock_.now()));
  tell_scores(scored);
  return {};
}

// A full disk or a locked database may last: what was to be written is tried again, and lost only when it
// comes too late. Errors: the last one, when it has lasted for ten minutes.
Result<void> ServeLoop::try_step() {
  if (failures_ > 0 && monotonic_micros() - failed_us_ < kTryAgainAfter) return {};
  const auto done = step();
  if (done) {
    failures_ = 0;
    return {};
  }
  log_error(done.error().message);
  failed_us_ = monotonic_micros();
  if (++failures_ == kMostFailures) return fail(done.error());
  return {};
}

Result<void> ServeLoop::run(exchange::KlineStream& stream) {
  streamed_ = service_.series();
  put_board();
  if (const auto ready = alerts_.start(*board_.get()); !ready)
    log_warning(fmt::format("alerts: {}", ready.error().message));
  while (!interrupted() && (options_.closes < 0 || handled_ < options_.closes)) {
    take_events(stream, kWait);
    take_healed();
    ask_what_is_missing();
    MOP_TRY(try_step());
    MOP_TRY(change_models());
    if (options_.each_turn) options_.each_turn();
    if (monotonic_micros() - board_put_us_ <= kBoardEvery) continue;
    put_board();
    tell_alerts(alerts_.on_time(*board_.get()));
  }
  MOP_TRY(service_.store_all());
  MOP_TRY_ASSIGN(const auto scored, service_.settle(clock_.now()));
  tell_scores(scored);
  return {};
}

}  // namespace mop::app
