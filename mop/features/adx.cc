#include "mop/features/adx.h"

#include <cmath>

#include "mop/features/atr.h"
#include "mop/features/period.h"

namespace mop::features {

Result<Adx> Adx::make(std::size_t period, double tie) {
  MOP_TRY(check_period("ADX period", period, 2));
  return Adx(period, tie);
}

void Adx::add_movement(double high, double low) {
  const double up = high - last_high_;
  const double down = last_low_ - low;
  if (std::abs(up - down) <= tie_ * high) return;
  if (down > 0.0 && up < down) {
    minus_ += down;
  } else if (up > 0.0 && up > down) {
    plus_ += up;
  }
}

std::optional<double> Adx::smooth_dx(double di_plus, double di_minus) {
  const double total = di_plus + di_minus;
  if (total == 0.0 && last_adx_) return last_adx_;
  last_adx_ = adx_.push(total == 0.0 ? 0.0 : 100.0 * (std::abs(di_minus - di_plus) / total));
  return last_adx_;
}

std::optional<AdxValue> Adx::push(double high, double low, double close) {
  std::optional<AdxValue> value;
  if (seen_ > 0) {
    if (seen_ >= period_) {  // the first n - 1 movements are only summed
      const double n = static_cast<double>(period_);
      plus_ -= plus_ / n;
      minus_ -= minus_ / n;
      range_ -= range_ / n;
    }
    add_movement(high, low);
    range_ += true_range(high, low, last_close_);
  }
  if (seen_ >= period_) {
    const double di_plus = range_ == 0.0 ? 0.0 : 100.0 * (plus_ / range_);
    const double di_minus = range_ == 0.0 ? 0.0 : 100.0 * (minus_ / range_);
    value = AdxValue{di_plus, di_minus, smooth_dx(di_plus, di_minus)};
  } else {
    ++seen_;
  }
  last_high_ = high;
  last_low_ = low;
  last_close_ = close;
  return value;
}

}  // namespace mop::features
