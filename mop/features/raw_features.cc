#include "mop/features/raw_features.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mop/base/check.h"
#include "mop/features/candle_rows.h"
#include "mop/features/raw_feature_state.h"

namespace mop::features {
namespace {

// Results larger than this have left the caches before anybody reads them, so they need not pass through.
constexpr std::size_t kPastCaches = std::size_t{16} << 20;

// Copies one column of a block to where it belongs. A plain store reads the line it writes to from memory
// first, which doubles the traffic; `past_caches` avoids that.
void store(const double* from, std::size_t n, double* to, bool past_caches) {
#if defined(__SSE2__)
  if (past_caches) {
    std::size_t i = 0;
    if (reinterpret_cast<std::uintptr_t>(to) % sizeof(__m128d) != 0 && n > 0) to[i] = from[i], ++i;
    for (; i + 2 <= n; i += 2)
      _mm_stream_pd(to + i, _mm_loadu_pd(from + i));
    for (; i < n; ++i)
      to[i] = from[i];
    return;
  }
#endif
  std::copy_n(from, n, to);
}

}  // namespace

std::span<const IndicatorInfo> raw_features() {
  return kRawInfo;
}

std::span<const double> FeatureMatrix::column(std::size_t f) const {
  MOP_CHECK(f < names.size()) << "column " << f << " of " << names.size();
  return std::span(values).subspan(f * rows, rows);
}

std::span<const double> FeatureMatrix::column(std::string_view name) const {
  const auto found = std::find(names.begin(), names.end(), name);
  MOP_CHECK(found != names.end()) << "no column '" << name << "'";
  return column(static_cast<std::size_t>(found - names.begin()));
}

void compute_raw_features(const market::CandleSeries& run, std::span<double> columns) {
  check_is_run(run);
  const std::size_t rows = run.size();
  MOP_CHECK(columns.size() == kRawColumns * rows) << columns.size() << " places for " << rows << " rows";
  const bool past_caches = columns.size_bytes() > kPastCaches;
  RawFeatureState state;
  const std::size_t warm = std::min(kBlockHistory, rows);
  RawRow row;
  for (std::size_t t = 0; t < warm; ++t) {
    state.push(candle_values(run, t), row);
    for (std::size_t f = 0; f < kRawColumns; ++f)
      columns[f * rows + t] = row[f];
  }
  for (std::size_t first = warm; first < rows; first += kBlock) {
    state.push_block(run, first, std::min(first + kBlock, rows),
                     [&](std::size_t f, const double* values, std::size_t n) {
                       store(values, n, columns.data() + f * rows + first, past_caches);
                     });
  }
#if defined(__SSE2__)
  if (past_caches) _mm_sfence();  // another thread may read them next
#endif
}

FeatureMatrix compute_raw_features(const market::CandleSeries& run) {
  FeatureMatrix matrix;
  for (const IndicatorInfo& info : raw_features())
    matrix.names.emplace_back(info.name);
  matrix.rows = run.size();
  matrix.values.resize(matrix.names.size() * matrix.rows);
  compute_raw_features(run, matrix.values);
  return matrix;
}

}  // namespace mop::features
