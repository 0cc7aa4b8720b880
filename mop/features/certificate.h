// How much history a model input needs: its error when computed from only the last L candles.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "mop/features/market_context.h"
#include "mop/features/stability.h"
#include "mop/market/candle_series.h"

namespace mop::features {

inline constexpr std::array<std::size_t, 6> kCertificateLengths{50, 100, 200, 500, 1000, 2000};

struct CertificateRow {
  std::string_view name;
  Stability stability;
  /// One per length: the largest absolute difference to the input computed from the whole run (inputs are
  /// dimensionless and of order one). NaN where the input's warm-up is longer.
  std::vector<double> error;
};

/// The certificate of every input whose source is there (sources_of), over `ends` candles spread evenly
/// behind the longest length. REQUIRES: no hole in `run`, more candles than the longest length, ends >= 1.
std::vector<CertificateRow> certify_inputs(const market::CandleSeries& run,
                                           std::span<const std::size_t> lengths, std::size_t ends = 16,
                                           const MarketContext* market = nullptr);

/// A seeded market with spells of high and low volatility and taker volumes, 6000 candles: what the
/// certificate is computed on where no candles are given.
market::CandleSeries certificate_market(market::Interval interval);

}  // namespace mop::features
