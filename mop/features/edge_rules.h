#pragma once

namespace mop::features {

/// How the oscillators treat their edge cases; the defaults are TA-Lib's, and so the raw columns'.
struct EdgeRules {
  double tie = 0.0;         // relative price difference up to which adx and mfi take two moves as equal
  double flat_value = 0.0;  // percent: rsi, stochastic and mfi of a window without any move or flow
};

}  // namespace mop::features
