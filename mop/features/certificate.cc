#include "mop/features/certificate.h"

#include <algorithm>
#include <cmath>

#include "mop/base/check.h"
#include "mop/base/rng.h"
#include "mop/features/candle_rows.h"
#include "mop/features/model_input_state.h"
#include "mop/features/model_inputs.h"

namespace mop::features {
namespace {

ModelInputRow inputs_from(const market::CandleSeries& run, std::size_t first, std::size_t last,
                          const MarketContext* market) {
  ModelInputState state(run.interval);
  ModelInputRow row{};
  for (std::size_t t = first; t <= last; ++t) {
    const MarketMove move = market == nullptr ? MarketMove{} : market->at(run.close_time(t));
    state.push(candle_values(run, t), row, move);
  }
  return row;
}

bool available(InputSource source, InputSources sources) {
  return source == InputSource::kCandles || (source == InputSource::kTaker ? sources.taker : sources.market);
}

}  // namespace

std::vector<CertificateRow> certify_inputs(const market::CandleSeries& run,
                                           std::span<const std::size_t> lengths, std::size_t ends,
                                           const MarketContext* market) {
  check_is_run(run);
  const std::size_t longest = *std::max_element(lengths.begin(), lengths.end());
  MOP_CHECK(run.size() > longest && ends >= 1) << run.size() << " candles for histories of " << longest;
  const auto infos = model_inputs(run.interval);
  std::vector<std::vector<double>> error(infos.size(), std::vector<double>(lengths.size(), 0.0));
  for (std::size_t e = 1; e <= ends; ++e) {
    const std::size_t last = longest + (run.size() - 1 - longest) * e / ends;
    const ModelInputRow whole = inputs_from(run, 0, last, market);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      const ModelInputRow recent = inputs_from(run, last + 1 - lengths[i], last, market);
      for (std::size_t f = 0; f < infos.size(); ++f) {
        const double difference = std::abs(recent[f] - whole[f]);
        error[f][i] = infos[f].warmup > lengths[i] ? kNaN : std::max(error[f][i], difference);
      }
    }
  }
  std::vector<CertificateRow> rows;
  for (std::size_t f = 0; f < infos.size(); ++f) {
    if (available(infos[f].input, sources_of(run, market)))
      rows.push_back({infos[f].name, infos[f].stability, std::move(error[f])});
  }
  return rows;
}

market::CandleSeries certificate_market(market::Interval interval) {
  constexpr std::size_t kCandles = 6000;
  Rng rng(20250701, 0);
  market::CandleSeries series;
  series.symbol = "SYNTHETIC";
  series.interval = interval;
  series.reserve(kCandles);
  double price = 100.0, log_volatility = 0.0;
  for (std::size_t t = 0; t < kCandles; ++t) {
    log_volatility = 0.98 * log_volatility + 0.15 * rng.normal();
    const double volatility = 0.004 * std::exp(log_volatility);
    const double open = price;
    price *= std::exp(volatility * rng.normal());
    series.open_time.push_back(static_cast<UnixMillis>(t) * market::length_of(interval));
    series.open.push_back(open);
    series.high.push_back(std::max(open, price) * (1.0 + 0.5 * volatility * rng.uniform()));
    series.low.push_back(std::min(open, price) * (1.0 - 0.5 * volatility * rng.uniform()));
    series.close.push_back(price);
    series.volume.push_back(100.0 * std::exp(log_volatility + rng.normal()));
    series.taker_buy_base.push_back(series.volume.back() * rng.uniform());
  }
  return series;
}

}  // namespace mop::features
