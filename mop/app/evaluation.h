// Stored models against what happened after a date: `mop evaluate`, and each fold of a walk-forward.
#pragma once
#include <string>
#include <vector>

#include "mop/app/command.h"
#include "mop/app/stored_candles.h"
#include "mop/evaluate/report_data.h"
#include "mop/evaluate/scores.h"
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

/// Candles that end in [split, end) are scored.
struct ScoredSpan {
  UnixMillis split, end;
};

/// Everything one model contributes.
struct ModelScore {
  std::vector<evaluate::ScoredSeries> heads;
  std::vector<evaluate::FanSample> samples;
  std::vector<evaluate::Canary> canaries;
  std::string forecasts_csv;
  std::string mark;             // evaluate::certificate_mark of the model
  evaluate::Protocol protocol;  // what this model's fit adds to the common one
};

/// --split and --end. Errors: kInvalidArgument when one is no date or the end is not behind the split.
Result<ScoredSpan> span_of(const EvaluateOptions& options);

/// Scores every model in `models_dir` of the selected coins and kinds. Baselines are fitted on candles before
/// the split. A model that has seen candles past the split is refused. Errors: kInvalidArgument, kNotFound
/// when no model is there, kInterrupted.
Result<std::vector<Result<ModelScore>>> score_models(Context& ctx, const EvaluateOptions& options,
                                                     const std::string& models_dir, ScoredSpan span,
                                                     const StoredCandles& candles);

/// One report of all scores. Those of the same model in several folds become one series.
/// Errors: that of the first model when none could be scored.
Result<Evaluation> assemble(const Context& ctx, const EvaluateOptions& options, ScoredSpan span,
                            std::vector<Result<ModelScore>> scores);

/// All of it for the stored models.
Result<Evaluation> evaluate_split(Context& ctx, const EvaluateOptions& options, ScoredSpan span);

}  // namespace mop::app
