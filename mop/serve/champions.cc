#include "mop/serve/champions.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/evaluate/certificate.h"
#include "mop/market/symbol.h"

namespace mop::serve {
namespace {

constexpr std::string_view kModel = "model", kUnified = "unified", kHar = "har";

double skill_of(const train::BlockScore& score) {
  return score.n == 0 ? 0.0 : 1.0 - score.pinball / score.ewma;
}

std::string_view name_of(const train::TrainedModel& model) {
  return model.kind == train::Kind::kUnified ? kUnified : kModel;
}

std::string days(DurationMillis age) {
  return fmt::format("{:.0f} days", static_cast<double>(age) / static_cast<double>(kDay));
}

}  // namespace

Champion choose_champion(const ModelHost& host, std::span<const Candidate> candidates,
                         const ChampionRules& rules) {
  MOP_CHECK(!candidates.empty());
  const auto branch = [&](const Candidate& c) -> const train::BranchModel& {
    return host.model(c.model).branches[c.head];
  };
  const Candidate* best = nullptr;
  for (const Candidate& c : candidates) {
    if (branch(c).champion != kModel) continue;
    if (best == nullptr || skill_of(branch(c).all_blocks()) > skill_of(branch(*best).all_blocks())) best = &c;
  }
  if (best == nullptr) {
    const Candidate& c = candidates.front();
    if (rules.demoted) return {std::string(kHar), c.model, c.head, *rules.demoted, true};
    return {branch(c).champion, c.model, c.head,
            "no model of the series beat this baseline before it was used", false};
  }
  const train::TrainedModel& model = host.model(best->model);
  Champion champion{std::string(name_of(model)), best->model, best->head,
                    fmt::format("{:+.2f} % against EWMA on {} candles it had not learnt from",
                                100.0 * skill_of(branch(*best).all_blocks()), branch(*best).all_blocks().n),
                    false};
  if (const std::string mark = evaluate::certificate_mark(model); !mark.empty())
    champion.reason += "; " + mark;
  const DurationMillis age = rules.now - model.trained_until;
  if (age > rules.expires_after) {
    champion.name = kHar;
    champion.gave_way = true;
    champion.reason = fmt::format("model {} expired: it learnt until {} ago, {} are allowed; train it again",
                                  model.id(), days(age), days(rules.expires_after));
  } else if (rules.demoted) {
    champion.name = kHar;
    champion.gave_way = true;
    champion.reason = *rules.demoted;
  }
  return champion;
}

Champion champion_over_hole(const ModelForecast& forecast) {
  return {
      "ewma", forecast.model, forecast.head,
      fmt::format("candles are missing: the {} in a row since are too few for a model; volatility is that "
                  "from before, carried on",
                  forecast.candles_in_a_row),
      true};
}

ModelRow model_row(const ModelHost& host, std::size_t index, std::size_t head) {
  const train::TrainedModel& model = host.model(index);
  const train::Baselines& b = model.branches[head].baselines;
  ModelRow row{host.sha256(index), model.branches[head].interval,
               model.id(),         b.horizon,
               b.levels,           b.static_y,
               b.ewma_z,           b.har_residual,
               std::nullopt,       model.trained_until};
  if (!std::isnan(b.spike_threshold)) row.spike_threshold = b.spike_threshold;
  return row;
}

ForecastRow forecast_row(const ModelHost& host, const Champion& champion, const ModelForecast& f,
                         UnixMillis made_at) {
  const train::TrainedModel& model = host.model(f.model);
  const train::Baselines& baselines = model.branches[f.head].baselines;
  ForecastRow row;
  row.symbol = f.series.symbol;
  row.interval = f.series.interval;
  row.as_of = f.as_of;
  row.made_at = made_at;
  row.close = f.close;
  row.tick_size = market::find_symbol(f.series.symbol).value().tick_size;
  row.sigma = f.sigma;
  row.champion = champion.name;
  row.reason = champion.reason;
  row.model_id = model.id();
  row.model_sha256 = host.sha256(f.model);
  row.input_hash = f.input_hash;
  row.horizon = baselines.horizon;
  row.levels = baselines.levels;
  row.har_scale = f.har_scale;
  if (champion.name == kModel || champion.name == kUnified) {
    row.z = f.z;
    row.p_up = f.p_up;
    row.log_range = f.log_range;
    return row;
  }
  const BaselineForecast& baseline = champion.name == kHar ? f.har : f.ewma;
  row.z = baseline.z;
  row.p_up = baseline.p_up;
  if (champion.name == kHar && !std::isnan(f.har_log_range)) row.log_range = f.har_log_range;
  return row;
}

}  // namespace mop::serve
