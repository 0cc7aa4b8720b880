// `mop evaluate --folds K`: models are trained before each block of time and scored on it.
#pragma once
#include <cstddef>
#include <string>

#include "mop/app/evaluation.h"

namespace mop::app {

struct WalkForwardOptions {
  std::size_t folds = 1;  // blocks of equal length from --split to --end
  std::size_t seeds = 1;  // each trains its own models: that of --seed and those after it
  train::Profile profile;
  UnixMillis since = INT64_MIN;  // candles that close earlier are not read
};

/// Trains the selected coins and kinds on the candles that close before each block of the span, scores them
/// on the block, and goes on to the next. No model is trained on a candle that it is scored on. Models are
/// kept in <models-dir>/folds/, so an interrupted run goes on from there. The report is the first seed's over
/// all folds, with the scores of every fold and the pools of every seed beside it. Cost: folds * seeds
/// trainings of the fleet. Errors: as evaluate_split(), train_fleet().
Result<Evaluation> walk_forward(Context& ctx, const EvaluateOptions& options, const WalkForwardOptions& walk,
                                ScoredSpan span, const std::string& models_dir);

/// The last `blocks` * 30 days before `end`.
ScoredSpan last_blocks(std::size_t blocks, UnixMillis end);

}  // namespace mop::app
