#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "mop/dataset/series_data.h"

namespace mop::dataset {

/// Standardises inputs: (x - mean) / sd, clipped to +-kClip. Fitted once on the rows a model is fitted on,
/// stored in the model file, never fitted again.
struct Scaler {
  static constexpr double kClip = 5.0;
  std::vector<double> mean, sd;  // F each; sd of a constant input is 1

  std::size_t inputs() const { return mean.size(); }
  void apply(std::span<const float> row, std::span<float> out) const;
};

/// Mean and standard deviation over the usable rows [0, fit_rows). REQUIRES: at least one is usable.
Scaler fit_scaler(const SeriesData& data, std::size_t fit_rows);

}  // namespace mop::dataset
