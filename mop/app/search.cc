#include "mop/app/search.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/app/walk_forward.h"

namespace mop::app {
namespace {

constexpr std::size_t kNetworks = 2;

std::vector<Candidate> variations(train::Profile base) {
  base.ensemble = std::min(base.ensemble, kNetworks);
  std::vector<Candidate> all{{"", base, {}, 0.0}};
  const auto vary = [&](std::string change, const std::function<void(train::Profile&)>& apply) {
    train::Profile p = base;
    apply(p);
    if (p != base) all.push_back({std::move(change), p, {}, 0.0});
  };
  for (const std::size_t hidden : {32u, 64u, 96u})
    vary(fmt::format("hidden_size = {}", hidden), [&](train::Profile& p) { p.hidden = hidden; });
  for (const double dropout : {0.1, 0.2, 0.4})
    vary(fmt::format("dropout = {}", dropout), [&](train::Profile& p) { p.dropout = dropout; });
  for (const double factor : {0.5, 2.0}) {
    vary(fmt::format("learning_rate = {}", factor * base.learning_rate),
         [&](train::Profile& p) { p.learning_rate *= factor; });
  }
  for (const double decay : {0.0, 0.1})
    vary(fmt::format("weight_decay = {}", decay), [&](train::Profile& p) { p.weight_decay = decay; });
  for (const std::size_t epochs : {2u, 8u})
    vary(fmt::format("epochs = {}", epochs), [&](train::Profile& p) { p.epochs = epochs; });
  for (const double days : {365.0, 1095.0})
    vary(fmt::format("half_life_days = {}", days), [&](train::Profile& p) { p.half_life_days = days; });
  vary("layers = 1", [](train::Profile& p) { p.layers = 1; });
  return all;
}

double mean_skill(const Candidate& c) {
  double sum = 0.0;
  for (const evaluate::SeriesScores& s : c.pooled)
    sum += s.skill_vs_har_pct;
  return sum / static_cast<double>(c.pooled.size());
}

std::string directory_of(const Context& ctx, const Candidate& c) {
  std::string name = c.change.empty() ? "as_it_is" : c.change;
  std::erase_if(name, [](char letter) { return letter == ' ' || letter == '='; });
  return fmt::format("{}/search/{}", ctx.settings.models_dir, name);
}

}  // namespace

Result<std::vector<Candidate>> search_profiles(Context& ctx, const std::string& kinds,
                                               const train::Profile& profile, std::size_t folds,
                                               UnixMillis since, UnixMillis end) {
  std::vector<Candidate> candidates = variations(profile);
  EvaluateOptions options;
  options.kinds = kinds;
  for (Candidate& c : candidates) {
    ctx.say(fmt::format("trying {}", c.change.empty() ? "the profile as it is" : c.change));
    MOP_TRY_ASSIGN(Evaluation scored, walk_forward(ctx, options, {folds, 1, c.profile, since},
                                                   last_blocks(folds, end), directory_of(ctx, c)));
    c.pooled = std::move(scored.report.pooled);
    c.seconds = scored.report.wall_s;
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return mean_skill(a) > mean_skill(b); });
  return candidates;
}

std::string search_table(const std::vector<Candidate>& candidates, const train::Profile& profile) {
  std::string text = fmt::format("{:<28} {:>4} {:>9} {:>9} {:>9} {:>9}\n", "mop.toml, [" + profile.name + "]",
                                 "tf", "vs EWMA", "vs HAR", "MAE ratio", "seconds");
  for (const Candidate& c : candidates) {
    for (const evaluate::SeriesScores& s : c.pooled) {
      text += fmt::format("{:<28} {:>4} {:>7.3f} % {:>7.3f} % {:>9.5f} {:>9.0f}\n",
                          c.change.empty() ? "as it is" : c.change, market::to_string(s.interval),
                          s.skill_vs_ewma_pct, s.skill_vs_har_pct, s.mae_ratio, c.seconds);
    }
  }
  return text +
         fmt::format("{} networks each; skill is of the pinball loss one step ahead, all coins together",
                     candidates[0].profile.ensemble);
}

boost::json::value search_json(const std::vector<Candidate>& candidates) {
  boost::json::array list;
  for (const Candidate& c : candidates) {
    boost::json::object pooled;
    for (const evaluate::SeriesScores& s : c.pooled) {
      pooled[market::to_string(s.interval)] = {{"skill_vs_ewma_pct", s.skill_vs_ewma_pct},
                                               {"skill_vs_har_pct", s.skill_vs_har_pct},
                                               {"mae_ratio", s.mae_ratio},
                                               {"n", s.n}};
    }
    list.push_back({{"change", c.change}, {"pooled", std::move(pooled)}, {"seconds", c.seconds}});
  }
  return {{"candidates", std::move(list)}};
}

}  // namespace mop::app
