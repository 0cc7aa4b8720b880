#include "mop/serve/service.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/base/clock.h"
#include "mop/evaluate/certificate.h"
#include "mop/features/candle_rows.h"
#include "mop/market/symbol.h"

namespace mop::serve {
namespace {

constexpr DurationMillis kInstant = 15 * kMinute;
constexpr std::size_t kStoredAtOnce = 8, kEverySeries = std::numeric_limits<std::size_t>::max();
constexpr std::int64_t kJudgedEvery = 8;  // instants between two looks at a series' live scores

features::CandleValues values_of(const market::Candle& candle) {
  features::CandleValues v{candle.close_time,  candle.open.value(),  candle.high.value(),
                           candle.low.value(), candle.close.value(), candle.volume.value()};
  if (!candle.taker_buy_base.empty()) v.taker_buy = candle.taker_buy_base.value();
  return v;
}

bool closes_at(market::Interval interval, UnixMillis close_time) {
  return (close_time + 1) % market::length_of(interval) == 0;
}

}  // namespace

Result<void> Service::use(ModelHost host) {
  if (host.models() == 0)
    return fail(ErrorCode::kInvalidArgument, "there is no model to forecast with; run `mop train` first");
  std::vector<ModelRow> rows;
  std::map<Key, Track> tracks;
  for (std::size_t m = 0; m < host.models(); ++m) {
    for (std::size_t head = 0; head < host.model(m).branches.size(); ++head) {
      rows.push_back(model_row(host, m, head));
      tracks[{host.model(m).branches[head].interval, host.model(m).symbol}].candidates.push_back({m, head});
    }
  }
  MOP_TRY(ledger_->add_models(rows));
  host_ = std::move(host);
  tracks_ = std::move(tracks);
  series_ = host_->series();
  gate_ = CloseGate(options_.grace);
  unwritten_.reset();
  return {};
}

Result<void> Service::replay(UnixMillis now) {
  MOP_TRY(store_offered(kEverySeries));
  MOP_TRY(replay_stored(now));
  unwritten_ = host_->forecast();
  host_->warm_up();
  for (auto& [key, track] : tracks_)
    MOP_TRY(judge(key, track));
  for (const market::Interval interval : market::kIntervals)
    MOP_TRY(pool(interval));
  return {};
}

// The newest instant at which every series that trades has its candle: one may have been fetched before,
// another after a close.
UnixMillis Service::newest_complete(std::span<const Cursor> cursors) {
  UnixMillis last = 0;
  for (const Cursor& c : cursors)
    last = std::max(last, (c.newest(INT64_MAX) + 1) / kInstant * kInstant - 1);
  const auto lacks = [&](const Cursor& c) {
    const DurationMillis step = market::length_of(c.key->interval);
    const UnixMillis newest = c.newest(INT64_MAX);
    return closes_at(c.key->interval, last) && newest < last && newest >= last - 2 * step;
  };
  return std::ranges::any_of(cursors, lacks) ? last - kInstant : std::max<UnixMillis>(last, 0);
}

// All series side by side, instant by instant.
Result<void> Service::replay_stored(UnixMillis until) {
  std::vector<Cursor> cursors;
  for (const store::SeriesKey& key : series_) {
    auto stored = store_->load(key.symbol, key.interval);
    if (!stored && stored.error().code != ErrorCode::kNotFound) return fail(stored.error());
    cursors.push_back({&key, stored ? stored->closing_in(INT64_MIN, until + 1) : market::CandleSeries{}});
  }
  const UnixMillis last = newest_complete(cursors);
  if (last == 0)
    return fail(ErrorCode::kNotFound, fmt::format("no candle of {} series is stored in {}; run `mop fetch`",
                                                  series_.size(), store_->directory()));
  UnixMillis first = last;
  for (const Cursor& c : cursors) {
    gate_.add(*c.key, c.newest(last));
    newest_[key_of(*c.key)] = std::max(newest_[key_of(*c.key)], c.newest(INT64_MAX));
    if (c.candles.size() > 0) first = std::min(first, c.candles.close_time(0));
  }
  host_->restart(std::exchange(changed_, 0));
  for (auto& [key, track] : tracks_)
    track.candles.clear();
  std::vector<LiveCandle> closed;
  std::size_t instants = 0;
  for (UnixMillis at = (first + 1) / kInstant * kInstant - 1; at <= last; at += kInstant) {
    closed.clear();
    for (Cursor& c : cursors) {
      if (c.next == c.candles.size() || c.candles.close_time(c.next) != at) continue;
      closed.push_back({*c.key, features::candle_values(c.candles, c.next++)});
      note_candle(*c.key, closed.back().values);
    }
    host_->advance(at, closed);
    if (++instants % ModelHost::kReplayRows == 0 && at < last) host_->forecast();
  }
  for (const Cursor& c : cursors) {
    for (std::size_t t = c.next; t < c.candles.size(); ++t)
      gate_.offer({*c.key, features::candle_values(c.candles, t)});
  }
  return score_stored(cursors);
}

// What was forecast before a restart is scored by the candles that came since.
Result<void> Service::score_stored(std::span<const Cursor> cursors) {
  for (const Cursor& c : cursors) {
    const auto track = tracks_.find(key_of(*c.key));
    if (track == tracks_.end()) continue;
    MOP_TRY_ASSIGN(const auto newest, ledger_->newest_forecast(c.key->symbol, c.key->interval));
    if (!newest) continue;
    const auto horizon = static_cast<DurationMillis>(newest->horizon);
    const market::CandleSeries since =
        c.candles.closing_in(newest->as_of - horizon * market::length_of(c.key->interval), gate_.done() + 1);
    for (std::size_t t = 0; t < since.size(); ++t)
      unscored_.push_back(
          {c.key->symbol, c.key->interval, since.close_time(t), since.close[t], since.high[t], since.low[t]});
  }
  return {};
}

void Service::note_candle(const store::SeriesKey& series, const features::CandleValues& v) {
  const auto found = tracks_.find(key_of(series));
  if (found == tracks_.end()) return;
  auto& candles = found->second.candles;
  candles.push_back(
      {v.close_time + 1 - market::length_of(series.interval), v.open, v.high, v.low, v.close, v.volume});
  if (candles.size() >= 2 * kBoardCandles)
    candles.erase(candles.begin(), candles.end() - static_cast<std::ptrdiff_t>(kBoardCandles));
}

void Service::offer(const store::SeriesKey& series, const market::Candle& candle) {
  const auto offered = gate_.offer({series, values_of(candle)});
  if (offered == CloseGate::Offered::kKnown) return;
  auto& unstored = unstored_[key_of(series)];
  const auto place = std::ranges::lower_bound(unstored, candle.open_time, {}, &market::Candle::open_time);
  if (place != unstored.end() && place->open_time == candle.open_time) return;
  unstored.insert(place, candle);
  newest_[key_of(series)] = std::max(newest_[key_of(series)], candle.close_time);
  if (offered == CloseGate::Offered::kLate) {
    ++late_;
    replay_wanted_ = true;
    changed_ = changed_ == 0 ? candle.close_time : std::min(changed_, candle.close_time);
  }
}

UnixMillis Service::newest(const store::SeriesKey& series) const {
  const auto found = newest_.find(key_of(series));
  return found == newest_.end() ? 0 : found->second;
}

Result<std::optional<HandledClose>> Service::handle(UnixMillis now, bool patient) {
  MOP_CHECK(host_.has_value()) << "use() first";
  if (unwritten_) {
    MOP_TRY_ASSIGN(HandledClose close, finish(gate_.done(), *unwritten_, now));
    unwritten_.reset();
    return close;
  }
  const std::optional<DueClose> due = gate_.due(now, patient);
  if (!due) return std::nullopt;
  const std::int64_t start = monotonic_micros();
  unsettled_ = true;
  host_->advance(due->close_time, due->candles);
  for (const LiveCandle& candle : due->candles) {
    const features::CandleValues& v = candle.values;
    note_candle(candle.series, v);
    unscored_.push_back({candle.series.symbol, candle.series.interval, v.close_time, v.close, v.high, v.low});
  }
  for (const store::SeriesKey& absent : due->absent) {
    if (const auto found = tracks_.find(key_of(absent)); found != tracks_.end())
      found->second.missed_because = "its candle did not come in time";
  }
  unwritten_ = forecast_champions(due->close_time, now);
  const std::int64_t forecast_us = monotonic_micros() - start;
  MOP_TRY_ASSIGN(HandledClose close, finish(due->close_time, *unwritten_, now));
  unwritten_.reset();
  close.forecast_us = forecast_us;
  return close;
}

// Only the champions are waited for; the others follow in settle(). All of them, when a champion has nothing
// to say (its window has a hole that another's has not).
std::vector<ModelForecast> Service::forecast_champions(UnixMillis close_time, UnixMillis now) {
  std::vector<std::size_t> models;
  std::size_t wanted = 0;
  for (const auto& [key, track] : tracks_) {
    if (!closes_at(key.first, close_time) || newest({key.second, key.first}) < close_time) continue;
    ++wanted;
    models.push_back(
        choose_champion(*host_, track.candidates, {now, options_.expires_after, track.demoted}).model);
  }
  std::ranges::sort(models);
  models.erase(std::ranges::unique(models).begin(), models.end());
  std::vector<ModelForecast> made = host_->forecast(models);
  std::size_t spoken = 0;
  for (const auto& [key, track] : tracks_) {
    if (!closes_at(key.first, close_time)) continue;
    spoken +=
        std::ranges::any_of(made, [&](const ModelForecast& f) { return key_of(f.series) == key; }) ? 1 : 0;
  }
  if (spoken >= wanted) return made;
  std::ranges::move(host_->forecast(), std::back_inserter(made));
  return made;
}

// The champion's forecast, of the models that could forecast this close.
std::optional<ForecastRow> Service::row_of(Track& track, std::span<const ModelForecast> made,
                                           UnixMillis now) {
  std::vector<Candidate> able;
  for (const Candidate& c : track.candidates) {
    if (std::ranges::any_of(made,
                            [&](const ModelForecast& f) { return f.model == c.model && f.head == c.head; }))
      able.push_back(c);
  }
  if (able.empty()) return row_over_hole(track, now);
  track.champion = choose_champion(*host_, able, {now, options_.expires_after, track.demoted});
  const auto forecast = std::ranges::find_if(made, [&](const ModelForecast& f) {
    return f.model == track.champion.model && f.head == track.champion.head;
  });
  return forecast_row(*host_, track.champion, *forecast, now);
}

std::optional<ForecastRow> Service::row_over_hole(Track& track, UnixMillis now) {
  const Candidate& any = track.candidates.front();
  const auto forecast = host_->forecast_over_hole(any.model, any.head);
  if (!forecast) return std::nullopt;
  track.champion = champion_over_hole(*forecast);
  return forecast_row(*host_, track.champion, *forecast, now);
}

// Every close of the series in a span as missed; only of the newest the reason is known.
void Service::miss(const Key& key, const Track& track, Closes closes, UnixMillis now,
                   std::vector<MissedRow>& missed) {
  for (UnixMillis at = closes.first; at <= closes.last; at += market::length_of(key.first)) {
    const bool known = at == closes.last && !track.missed_because.empty();
    missed.push_back(
        {key.second, key.first, at, now,
         known ? track.missed_because : "mop serve did not run, or had no candle of the series"});
  }
}

Result<HandledClose> Service::finish(UnixMillis close_time, std::span<const ModelForecast> made,
                                     UnixMillis now) {
  HandledClose close;
  close.close_time = close_time;
  for (auto& [key, track] : tracks_) {
    if (!closes_at(key.first, close_time)) continue;
    MOP_TRY_ASSIGN(const auto last, ledger_->last_close(key.second, key.first));
    if (last && *last >= close_time) continue;  // before a restart
    const DurationMillis step = market::length_of(key.first);
    std::optional<ForecastRow> row = row_of(track, made, now);
    if (row && now < close_time + step) {
      if (last) miss(key, track, {*last + step, close_time - step}, now, close.missed);
      close.forecasts.push_back(std::move(*row));
      continue;
    }
    // A coin that no longer trades is left alone: when it comes back, what lies between is missed.
    if (!row && track.missed_because.empty() && !gate_.trades({key.second, key.first})) continue;
    if (row) {
      track.missed_because = "the candle it speaks of had closed before it was written";
    } else if (track.missed_because.empty()) {
      track.missed_because = "less than a day of its candles is there";
    }
    if (last) miss(key, track, {*last + step, close_time}, now, close.missed);
  }
  MOP_TRY(write_down(close));
  for (auto& [key, track] : tracks_) {
    if (closes_at(key.first, close_time)) track.missed_because.clear();
  }
  return close;
}

Result<void> Service::write_down(HandledClose& close) {
  const std::int64_t start = monotonic_micros();
  auto written = ledger_->append(close.forecasts, close.missed);
  close.ledger_us = monotonic_micros() - start;
  if (!written) return fail(written.error());
  close.numbers = std::move(*written);
  for (std::size_t i = 0; i < close.forecasts.size(); ++i) {
    Track& track = tracks_[{close.forecasts[i].interval, close.forecasts[i].symbol}];
    track.newest = close.forecasts[i];
    track.number = close.numbers[i];
  }
  forecasts_ += static_cast<std::int64_t>(close.forecasts.size());
  missed_ += static_cast<std::int64_t>(close.missed.size());
  return {};
}

Result<void> Service::store_all() {
  return store_offered(kEverySeries);
}

// At most so many series: each takes milliseconds to write safely, and a close may be near.
Result<void> Service::store_offered(std::size_t most) {
  for (auto& [key, candles] : unstored_) {
    if (candles.empty()) continue;
    if (most-- == 0) return {};
    MOP_TRY(store_->merge(key.second, key.first, candles, "binance"));
    candles.clear();
  }
  return {};
}

// How a series has done of late, and whether its champion may stay.
Result<void> Service::judge(const Key& key, Track& track) {
  MOP_TRY_ASSIGN(track.scores, ledger_->live_scores(key.second, key.first, kBoardScored));
  if (!track.newest) {
    MOP_TRY_ASSIGN(track.newest, ledger_->newest_forecast(key.second, key.first));
    const Ledger::Visit number = [&](std::int64_t seq, const ForecastRow&) -> Result<void> {
      track.number = seq;
      return {};
    };
    if (track.newest)
      MOP_TRY(ledger_->visit(key.second, key.first, track.newest->as_of, track.newest->as_of + 1, number));
  }
  const Champion chosen =
      choose_champion(*host_, track.candidates, {0, options_.expires_after, std::nullopt});
  MOP_TRY_ASSIGN(track.demoted,
                 ledger_->demotion(key.second, key.first, chosen.name, host_->sha256(chosen.model)));
  return {};
}

// All series of a timeframe together.
Result<void> Service::pool(market::Interval interval) {
  MOP_TRY_ASSIGN(pooled_[interval], ledger_->pooled_scores(interval, kBoardScored));
  return {};
}

Result<std::vector<ScoredStep>> Service::settle(UnixMillis now) {
  if (unsettled_) {
    host_->forecast();  // the models that were not waited for
    host_->warm_up();
  }
  unsettled_ = false;
  MOP_TRY(store_offered(replay_wanted_ ? kEverySeries : kStoredAtOnce));
  if (unscored_.empty() && !replay_wanted_) return std::vector<ScoredStep>{};
  MOP_TRY_ASSIGN(std::vector<ScoredStep> scored, ledger_->score(unscored_));
  const std::int64_t turn = now / kInstant;
  std::int64_t place = 0;
  for (auto& [key, track] : tracks_) {
    if ((turn + place++) % kJudgedEvery == 0) MOP_TRY(judge(key, track));
  }
  for (const market::Interval interval : market::kIntervals) {
    if ((turn + static_cast<std::int64_t>(interval)) % kJudgedEvery == 1) MOP_TRY(pool(interval));
  }
  unscored_.clear();
  if (!replay_wanted_) return scored;
  replay_wanted_ = false;
  MOP_TRY(replay_stored(gate_.done()));
  host_->forecast();
  host_->warm_up();
  return scored;
}

void Service::describe(Board& board, UnixMillis now) const {
  board.series.clear();
  for (const store::SeriesKey& key : series_) {
    const auto found = tracks_.find(key_of(key));
    if (found == tracks_.end()) continue;
    const Track& track = found->second;
    BoardSeries s;
    s.key = key;
    s.candles.assign(
        track.candles.end() - static_cast<std::ptrdiff_t>(std::min(track.candles.size(), kBoardCandles)),
        track.candles.end());
    s.last_close_time = newest(s.key);
    s.stale = s.last_close_time < now - 2 * market::length_of(key.interval);
    s.forecast = track.newest;
    s.seq = track.number;
    s.scores = track.scores;
    s.champion = track.champion.name;
    s.champion_reason = track.champion.reason;
    s.gave_way = track.champion.gave_way;
    s.demoted = track.demoted && track.champion.reason == *track.demoted;
    board.series.push_back(std::move(s));
  }
  board.pooled.clear();
  for (const auto& [interval, scores] : pooled_)
    board.pooled.push_back(scores);
  board.models.clear();
  for (std::size_t m = 0; m < host_->models(); ++m) {
    const train::TrainedModel& model = host_->model(m);
    const std::string mark = evaluate::certificate_mark(model);
    board.models.push_back({model.id(), host_->sha256(m), model.trained_until, mark.empty(), mark,
                            now - model.trained_until > options_.expires_after});
  }
  board.health.forecasts = forecasts_;
  board.health.missed = missed_;
  board.health.late_candles = late_;
  board.health.last_close = gate_.done();
}

}  // namespace mop::serve
