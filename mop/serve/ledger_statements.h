// The ledger's prepared SQL, shared by the files that implement it.
#pragma once
#include "mop/serve/ledger.h"
#include "mop/store/database.h"

namespace mop::serve {

struct Ledger::Statements {
  static Result<Statements> prepare(store::Database& database);

  store::Statement head, add_chain, add_model, add_forecast, add_missed;
  store::Statement model, last_close, forecasts, newest_forecast, series;
  store::Statement due, add_score, scores, scored, drop_scores;
};

/// A forecast out of the columns seq and kForecastTable.columns from column `first` on, completed by its
/// model's row. Errors: kCorrupt when a blob or a name is malformed.
Result<ForecastRow> forecast_from(const store::Rows& rows, int first);
/// Columns step to abs_move of a score, from `first` on.
StepScore score_from(const store::Rows& rows, std::int64_t seq, int first);

}  // namespace mop::serve
