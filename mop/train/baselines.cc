#include "mop/train/baselines.h"

#include <algorithm>
#include <cmath>

#include "mop/base/check.h"

namespace mop::train {

double LogLinear::at(double sigma, std::span<const double> terms) const {
  MOP_CHECK(coefficients.size() == 2 + terms.size()) << coefficients.size() << " for " << terms.size();
  double exponent = coefficients[0] + coefficients[1] * std::log(sigma);
  for (std::size_t k = 0; k < terms.size(); ++k)
    exponent += coefficients[2 + k] * terms[k];
  return std::exp(std::clamp(exponent, lowest, highest));
}

}  // namespace mop::train
