// Who forecasts a series: the best of its models and baselines, until its live scores say otherwise.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mop/serve/ledger_rows.h"
#include "mop/serve/model_host.h"

namespace mop::serve {

/// One of kChampions, by which model (its quantiles, or its baselines), and why, in one sentence.
struct Champion {
  std::string name;
  std::size_t model = 0, head = 0;
  std::string reason;
  bool gave_way = false;  // another was chosen, but its model expired or it was demoted
};

struct ChampionRules {
  UnixMillis now = 0;
  DurationMillis expires_after = 60 * kDay;  // since a model's trained_until
  /// Why a champion of this model must give way to B3, when its live scores say so.
  std::optional<std::string> demoted;
};

/// The champion of one series among the models that forecast it: of those that were best on the blocks they
/// had not learnt from, the one with the greater skill against EWMA there; when none was, the baseline that
/// was. An expired or demoted champion gives way to B3. REQUIRES: `candidates` not empty, indices into
/// `host`.
struct Candidate {
  std::size_t model, head;
};
Champion choose_champion(const ModelHost& host, std::span<const Candidate> candidates,
                         const ChampionRules& rules);

/// Who speaks where candles are missing and no model can. `forecast`: ModelHost::forecast_over_hole().
Champion champion_over_hole(const ModelForecast& forecast);

/// What the ledger keeps of a model's head.
ModelRow model_row(const ModelHost& host, std::size_t model, std::size_t head);

/// The champion's forecast as the ledger keeps it. `forecast` is its model's, or for a baseline of the model
/// whose baselines they are.
ForecastRow forecast_row(const ModelHost& host, const Champion& champion, const ModelForecast& forecast,
                         UnixMillis made_at);

}  // namespace mop::serve
