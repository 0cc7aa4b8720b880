#include "mop/dataset/scaler.h"

#include <algorithm>
#include <cmath>

#include "mop/base/check.h"

namespace mop::dataset {

void Scaler::apply(std::span<const float> row, std::span<float> out) const {
  for (std::size_t f = 0; f < inputs(); ++f) {
    const double scaled = (static_cast<double>(row[f]) - mean[f]) / sd[f];
    out[f] = static_cast<float>(std::clamp(scaled, -kClip, kClip));
  }
}

Scaler fit_scaler(const SeriesData& data, std::size_t fit_rows) {
  const std::size_t F = data.inputs();
  Scaler scaler{std::vector<double>(F, 0.0), std::vector<double>(F, 0.0)};
  std::size_t used = 0;  // Welford: exact enough for inputs far from zero
  for (std::size_t t = 0; t < fit_rows; ++t) {
    if (data.history[t] == 0) continue;
    ++used;
    for (std::size_t f = 0; f < F; ++f) {
      const double x = static_cast<double>(data.row(t)[f]);
      const double delta = x - scaler.mean[f];
      scaler.mean[f] += delta / static_cast<double>(used);
      scaler.sd[f] += delta * (x - scaler.mean[f]);
    }
  }
  MOP_CHECK(used > 0) << "no usable row among the first " << fit_rows;
  for (double& sd : scaler.sd) {
    sd = std::sqrt(sd / static_cast<double>(used));
    if (!(sd > 1e-9)) sd = 1.0;
  }
  return scaler;
}

}  // namespace mop::dataset
