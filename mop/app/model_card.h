// The page of a repository of models: what they are, how good, and how to use them.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mop/base/result.h"
#include "mop/base/time.h"
#include "mop/train/model.h"

namespace boost::json {
class value;
}

namespace mop::app {

/// Of one timeframe, all coins together, one step ahead; per cent where a name does not say otherwise.
struct PooledScore {
  std::string timeframe;
  std::size_t n = 0;
  double skill_vs_ewma = 0.0, skill_vs_har = 0.0, coverage_90 = 0.0, direction = 0.0, mape = 0.0,
         mape_persistence = 0.0;
};

/// What `mop evaluate --json` says of models on candles they had not seen.
struct TestScores {
  UnixMillis from = 0, until = 0;  // forecasts of candles that close in [from, until)
  std::vector<PooledScore> pooled;
};

/// Errors: kInvalidArgument when the document is not that of `mop evaluate --split DATE --json`; `what` names
/// it.
Result<TestScores> parse_test_scores(std::string_view json, std::string_view what);

/// README.md with the Hub's YAML metadata. Equal models give equal bytes: no clock is in it. Scores are said
/// to be those of candles that the models had not seen. REQUIRES: there is a model.
std::string to_model_card(std::string_view repo, std::span<const train::TrainedModel> models,
                          const std::optional<TestScores>& scores);

}  // namespace mop::app
