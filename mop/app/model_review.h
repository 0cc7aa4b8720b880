// Whether a model that was trained without anybody watching may forecast.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "mop/base/time.h"
#include "mop/market/interval.h"
#include "mop/train/model.h"

namespace mop::app {

/// Largest loss of skill (one minus the champion's pinball loss over EWMA's, one step ahead) that is put down
/// to the blocks it was measured on, which differ.
inline constexpr double kSkillTolerance = 0.01;

/// What the file is named after, and what it would replace.
struct ReviewedModel {
  const train::TrainedModel& fresh;
  std::string file_id;             // "BTCUSDT_1h"
  const train::TrainedModel* old;  // null: none is there
  /// Whether the old one's figures still speak for it in a timeframe: not when it expired or its live scores
  /// demoted it.
  std::function<bool(market::Interval)> old_counts;
};

/// Why it may not, in a few words; none when it may: it is what its name says, has passed every canary, was
/// scored on its validation block, its champions do no worse there than EWMA and not clearly worse than those
/// of the old one on theirs, and it learnt newer candles.
std::optional<std::string> objection(const ReviewedModel& reviewed);

}  // namespace mop::app
