#include "mop/serve/alert_desk.h"

#include <algorithm>
#include <limits>

#include "mop/base/check.h"

namespace mop::serve {
namespace {

constexpr std::size_t kEverything = std::numeric_limits<std::int32_t>::max();

UnixMillis close_time_of(const BoardSeries& series, const BoardCandle& candle) {
  return candle.open_time + market::length_of(series.key.interval) - 1;
}

bool is_late(const store::SeriesKey& series, UnixMillis as_of, UnixMillis now) {
  return now > as_of + market::length_of(series.interval);
}

bool is_on(const AlertSpec& spec, UnixMillis now) {
  return spec.enabled && !(spec.expires_at && now >= *spec.expires_at);
}

// Of kinds that need no more than candles, which are known of the past too.
bool of_candles(AlertKind kind) {
  return kind == AlertKind::kPrice || kind == AlertKind::kMove;
}

}  // namespace

void AlertDesk::look(const StoredAlert& alert, const AlertView& view, bool late, Look& into) {
  if (!is_on(alert.spec, into.now)) return;
  const auto value = alert_value(alert.spec, view);
  if (!value) return;
  const StateKey key{alert.id, {view.series.interval, view.series.symbol}};
  const auto changed = into.states.find(key), known = states_.find(key);
  const AlertState before = changed != into.states.end() ? changed->second
                            : known != states_.end()     ? known->second
                                                         : AlertState{};
  AlertState state = before;
  AlertDay& day = into.days.try_emplace(alert.id, days_[alert.id]).first->second;
  const auto outcome = observe(alert.spec, *value, view.as_of, late, into.now, state, day);
  if (state != before) into.states.insert_or_assign(key, state);
  if (!outcome) return;
  into.firings.push_back({0, alert.id, alert.spec.owner, alert.spec.kind, view.series, view.as_of, into.now,
                          *outcome, *value, alert_text(alert.spec, view, *value)});
}

// Alerts are few and change seldom: all of them are read again.
Result<void> AlertDesk::reload(const Board& board) {
  MOP_TRY_ASSIGN(const std::int64_t version, book_->version());
  if (version_ == version) return {};
  MOP_TRY_ASSIGN(auto alerts, book_->alerts(std::nullopt, 0, kEverything));
  MOP_TRY_ASSIGN(const auto states, book_->states());
  std::map<std::int64_t, AlertDay> days;
  for (const StoredAlert& alert : alerts) {
    MOP_TRY_ASSIGN(days[alert.id], book_->day(alert.id, board.health.exchange_now));
  }
  alerts_ = std::move(alerts);
  days_ = std::move(days);
  states_.clear();
  for (const StoredState& s : states)
    states_[{s.alert, {s.series.interval, s.series.symbol}}] = s.state;
  version_ = version;
  return {};
}

// Shares of the last forecasts are read from the ledger when the first alert asks for them.
Result<std::optional<double>> AlertDesk::rank_of(const BoardSeries& series, Seen& seen) {
  if (!seen.forecast || !seen.forecast->log_range) return std::nullopt;
  if (!seen.ranges) {
    const auto kept = static_cast<DurationMillis>(RangeRank::kLast);
    const UnixMillis as_of = seen.forecast->as_of;
    RangeRank ranges;
    const Ledger::Visit add = [&](std::int64_t, const ForecastRow& row) -> Result<void> {
      if (row.log_range) ranges.add(*row.log_range);
      return {};
    };
    MOP_TRY(ledger_->visit(series.key.symbol, series.key.interval,
                           as_of - kept * market::length_of(series.key.interval), as_of, add));
    seen.ranges = std::move(ranges);
  }
  return seen.ranges->rank(*seen.forecast->log_range);
}

Result<AlertView> AlertDesk::view_of(const BoardSeries& series, UnixMillis now) {
  const DurationMillis length = market::length_of(series.key.interval);
  Seen& seen = seen_[{series.key.interval, series.key.symbol}];
  AlertView view;
  view.series = series.key;
  view.as_of = series.candles.empty() ? 0 : close_time_of(series, series.candles.back());
  view.candles = series.candles;
  if (series.forecast && (!seen.forecast || seen.forecast->as_of != series.forecast->as_of)) {
    if (seen.ranges && seen.forecast && seen.forecast->log_range) seen.ranges->add(*seen.forecast->log_range);
    seen.before = std::move(seen.forecast);
    seen.forecast = series.forecast;
  }
  const auto asks = [&](const StoredAlert& a) {
    return a.spec.kind == AlertKind::kSpike && is_on(a.spec, now) && covers(a.spec, series.key);
  };
  if (seen.forecast && seen.forecast->as_of == view.as_of) {
    view.forecast = &*seen.forecast;
    if (std::ranges::any_of(alerts_, asks)) {
      MOP_TRY_ASSIGN(view.range_rank, rank_of(series, seen));
    }
    if (seen.before && seen.before->as_of + length == view.as_of) view.band = band_of(*seen.before);
  } else if (seen.forecast && seen.forecast->as_of + length == view.as_of) {
    view.band = band_of(*seen.forecast);
  }
  if (series.last_close_time != 0)
    view.silent_candles =
        std::max(0.0, static_cast<double>(now - series.last_close_time) / static_cast<double>(length));
  if (!series.champion.empty()) view.gave_way = series.gave_way ? series.champion_reason : std::string();
  return view;
}

// Candles that closed while nobody looked, up to the newest, which is looked at as a close.
void AlertDesk::catch_up(const BoardSeries& series, Look& into) {
  if (series.candles.empty()) return;
  const UnixMillis newest = close_time_of(series, series.candles.back());
  for (const StoredAlert& alert : alerts_) {
    if (!of_candles(alert.spec.kind) || !covers(alert.spec, series.key)) continue;
    const auto known = states_.find({alert.id, {series.key.interval, series.key.symbol}});
    if (known == states_.end()) continue;
    for (std::size_t n = 1; n <= series.candles.size(); ++n) {
      AlertView view;
      view.series = series.key;
      view.candles = std::span(series.candles).first(n);
      view.as_of = close_time_of(series, view.candles.back());
      if (view.as_of <= known->second.as_of || view.as_of == newest) continue;
      look(alert, view, is_late(series.key, view.as_of, into.now), into);
    }
  }
}

Result<std::vector<AlertFiring>> AlertDesk::store(Look look) {
  if (look.states.empty() && look.firings.empty()) return std::vector<AlertFiring>{};
  std::vector<StoredState> states;
  for (const auto& [key, state] : look.states)
    states.push_back({key.first, {key.second.second, key.second.first}, state});
  MOP_TRY(book_->note(states, look.firings));
  for (const auto& [key, state] : look.states)
    states_[key] = state;
  for (const auto& [alert, day] : look.days)
    days_[alert] = day;
  std::erase_if(look.firings, [](const AlertFiring& f) { return f.outcome != AlertOutcome::kSent; });
  sent_ += static_cast<std::int64_t>(look.firings.size());
  for (StoredAlert& alert : alerts_) {
    if (alert.spec.once &&
        std::ranges::find(look.firings, alert.id, &AlertFiring::alert) != look.firings.end())
      alert.spec.enabled = false;
  }
  return std::move(look.firings);
}

Result<void> AlertDesk::start(const Board& board) {
  MOP_TRY(book_->forget_old(board.health.exchange_now));
  MOP_TRY(reload(board));
  Look gathered;
  gathered.now = board.health.exchange_now;
  for (const BoardSeries& series : board.series)
    catch_up(series, gathered);
  MOP_TRY(store(std::move(gathered)));
  return {};
}

Result<std::vector<AlertFiring>> AlertDesk::on_close(const Board& board, UnixMillis close_time) {
  MOP_TRY(reload(board));
  Look gathered;
  gathered.now = board.health.exchange_now;
  for (const BoardSeries& series : board.series) {
    if (series.candles.empty() || close_time_of(series, series.candles.back()) != close_time) continue;
    MOP_TRY_ASSIGN(const AlertView view, view_of(series, gathered.now));
    for (const StoredAlert& alert : alerts_) {
      if (alert.spec.kind != AlertKind::kStale && covers(alert.spec, series.key))
        look(alert, view, is_late(series.key, close_time, gathered.now), gathered);
    }
  }
  return store(std::move(gathered));
}

// A new alert looks at once at what is there, so that it knows at the next close from which side it came.
Result<void> AlertDesk::first_look(const Board& board, Look& into) {
  for (const BoardSeries& series : board.series) {
    std::optional<AlertView> view;
    for (const StoredAlert& alert : alerts_) {
      const bool timed = alert.spec.kind == AlertKind::kStale;
      if (series.candles.empty() || !covers(alert.spec, series.key)) continue;
      if (!timed && states_.contains({alert.id, {series.key.interval, series.key.symbol}})) continue;
      if (!view) {
        MOP_TRY_ASSIGN(view, view_of(series, into.now));
      }
      look(alert, *view, false, into);
    }
  }
  return {};
}

Result<std::vector<AlertFiring>> AlertDesk::on_time(const Board& board) {
  MOP_TRY(reload(board));
  Look gathered;
  gathered.now = board.health.exchange_now;
  MOP_TRY(first_look(board, gathered));
  return store(std::move(gathered));
}

}  // namespace mop::serve
