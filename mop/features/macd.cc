#include "mop/features/macd.h"

#include <fmt/format.h>

#include "mop/features/period.h"
#include "mop/features/vectorized.h"

namespace mop::features {

Result<Macd> Macd::make(std::size_t fast, std::size_t slow, std::size_t signal) {
  MOP_TRY(check_period("MACD fast period", fast, 2));
  MOP_TRY(check_period("MACD slow period", slow, 2));
  MOP_TRY(check_period("MACD signal period", signal, 1));
  if (fast >= slow) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("MACD fast period must be below its slow period {}, was {}", slow, fast));
  }
  MOP_TRY_ASSIGN(const Ema fast_ema, Ema::make(fast));
  MOP_TRY_ASSIGN(const Ema slow_ema, Ema::make(slow));
  MOP_TRY_ASSIGN(const Ema signal_ema, Ema::make(signal));
  return Macd(fast_ema, slow_ema, signal_ema);
}

MOP_VECTORIZED void MacdColumns::push_block(const CandleBlock& candles, const BlockColumns& out) {
  Macd macd = macd_;  // in registers
  for (std::size_t i = 0; i < candles.n; ++i) {
    const MacdValue value = macd.next(candles.close[i]);
    out.column(0)[i] = value.line;
    out.column(1)[i] = value.signal;
    out.column(2)[i] = value.histogram;
  }
  macd_ = macd;
}

}  // namespace mop::features
