// `mop evaluate --split`: stored models against what happened after a date.
#pragma once
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/evaluate/report_data.h"
#include "mop/train/model.h"

namespace mop::app {

struct EvaluateOptions {
  std::string split, end, kinds = "15m,1h,unified", report, forecasts;
};

/// What was scored, and which models could not be.
struct Evaluation {
  evaluate::ReportData report;
  std::string forecasts_csv;          // every scored forecast in prices, when asked for
  std::vector<std::string> failures;  // one sentence per model that was refused or failed
};

/// Scores every stored model of the selected coins and kinds on the candles that end in [split, end).
/// Baselines are fitted on candles before the split. A model that has seen candles past the split is refused.
/// Errors: kInvalidArgument, kNotFound when no model is there, kRefused or another when none could be scored.
Result<Evaluation> evaluate_split(Context& ctx, const EvaluateOptions& options);

}  // namespace mop::app
