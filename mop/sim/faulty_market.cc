#include "mop/sim/faulty_market.h"

#include <algorithm>

namespace mop::sim {
namespace {

using market::Candle;
using market::Decimal;

bool concerns(const Fault& fault, std::string_view symbol, market::Interval interval) {
  return (fault.symbol.empty() || fault.symbol == symbol) &&
         (fault.interval.empty() || fault.interval == market::to_string(interval));
}

bool covers(const Fault& fault, UnixMillis open_time) {
  return open_time >= fault.from && open_time < fault.until;
}

// A first statement that is corrected later: another close, half the volume. Still a valid candle.
void make_provisional(Candle& candle) {
  candle.close = candle.open;
  if (!candle.volume.empty()) candle.volume = Decimal::from_double(candle.volume.value() / 2.0, 8);
}

}  // namespace

FaultyMarket::FaultyMarket(MarketSource& market, std::vector<Fault> faults)
    : market_(market), faults_(std::move(faults)) {}

std::vector<Listing> FaultyMarket::listings(UnixMillis now) {
  std::vector<Listing> list = market_.listings(now);
  for (const Fault& fault : faults_) {
    if (fault.kind != FaultKind::kListing || now < fault.from || now >= fault.until) continue;
    auto found =
        std::find_if(list.begin(), list.end(), [&](const Listing& l) { return l.symbol == fault.symbol; });
    if (found == list.end())
      found = list.insert(list.end(), Listing{fault.symbol, true, 0.01, 0.01, {}, true});
    touched_.insert(fault.line);
    found->filters = found->filters && fault.filters;
    if (fault.listing_status.empty()) continue;
    found->status = fault.listing_status;
    found->trading = fault.listing_status == "TRADING";
  }
  return list;
}

// Until when the symbol's candles go: a BREAK ends them.
UnixMillis FaultyMarket::last_instant(std::string_view symbol, UnixMillis now) {
  for (const Fault& fault : faults_) {
    const bool ends = fault.listing_status == "BREAK" || fault.listing_status == "CANCEL_ONLY";
    if (fault.kind == FaultKind::kListing && fault.symbol == symbol && ends && covers(fault, now)) {
      touched_.insert(fault.line);
      now = std::min(now, std::max<UnixMillis>(0, fault.from - 1));
    }
  }
  return now;
}

bool FaultyMarket::missing(const Candle& candle, std::string_view symbol, market::Interval interval) {
  const auto gap = std::find_if(faults_.begin(), faults_.end(), [&](const Fault& fault) {
    return fault.kind == FaultKind::kGap && concerns(fault, symbol, interval) &&
           covers(fault, candle.open_time);
  });
  if (gap == faults_.end()) return false;
  touched_.insert(gap->line);
  return true;
}

void FaultyMarket::apply(const Fault& fault, std::vector<Candle>& candles, UnixMillis now) {
  for (std::size_t i = 0; i < candles.size(); ++i) {
    Candle& c = candles[i];
    if (!covers(fault, c.open_time)) continue;
    const bool revised =
        fault.kind == FaultKind::kRevise && c.close_time < now && now <= c.close_time + fault.ms;
    if (revised) make_provisional(c);
    if (fault.kind == FaultKind::kMisalign) c.open_time += fault.ms;
    if (fault.kind == FaultKind::kDuplicate) {
      const Candle twin = c;
      candles.insert(candles.begin() + static_cast<std::ptrdiff_t>(i++), twin);
    }
    if (revised || fault.kind == FaultKind::kMisalign || fault.kind == FaultKind::kDuplicate)
      touched_.insert(fault.line);
  }
}

Result<std::vector<Candle>> FaultyMarket::candles(std::string_view symbol, market::Interval interval,
                                                  const CandleWindow& window, UnixMillis now) {
  const UnixMillis until = last_instant(symbol, now);
  CandleWindow wider = window;
  std::vector<Candle> kept;
  while (true) {  // rows of a gap do not count towards the limit
    MOP_TRY_ASSIGN(const auto got, market_.candles(symbol, interval, wider, until));
    kept.clear();
    std::copy_if(got.begin(), got.end(), std::back_inserter(kept),
                 [&](const Candle& c) { return !missing(c, symbol, interval); });
    if (kept.size() >= window.limit || got.size() < wider.limit) break;
    wider.limit = window.limit + (got.size() - kept.size());
  }
  for (const Fault& fault : faults_) {
    if (concerns(fault, symbol, interval)) apply(fault, kept, now);
  }
  if (kept.size() > window.limit) {
    const auto excess = static_cast<std::ptrdiff_t>(kept.size() - window.limit);
    window.newest ? kept.erase(kept.begin(), kept.begin() + excess)
                  : kept.erase(kept.end() - excess, kept.end());
  }
  return kept;
}

}  // namespace mop::sim
