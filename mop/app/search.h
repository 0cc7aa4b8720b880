// `mop train --search`: which settings forecast best on blocks inside the history given.
#pragma once
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "mop/app/command.h"
#include "mop/evaluate/report_data.h"
#include "mop/train/profile.h"

namespace mop::app {

struct Candidate {
  std::string change;  // to mop.toml, e.g. "dropout = 0.4"; "" for the profile as it is
  train::Profile profile;
  std::vector<evaluate::SeriesScores> pooled;  // over all blocks, one per timeframe
  double seconds = 0.0;
};

/// Trains and scores the profile and every variation of it, one setting changed at a time, on the last
/// `folds` blocks of 30 days before `end`, each by models trained before it. Two networks each, so that it
/// can be waited for. Sorted by mean skill against HAR, best first. Errors: as walk_forward().
Result<std::vector<Candidate>> search_profiles(Context& ctx, const std::string& kinds,
                                               const train::Profile& profile, std::size_t folds,
                                               UnixMillis since, UnixMillis end);

std::string search_table(const std::vector<Candidate>& candidates, const train::Profile& profile);
boost::json::value search_json(const std::vector<Candidate>& candidates);

}  // namespace mop::app
