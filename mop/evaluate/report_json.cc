#include "mop/evaluate/report_json.h"

#include <cmath>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/evaluate/verdict.h"

namespace mop::evaluate {
namespace {

namespace bj = boost::json;

bj::value number(double x) {
  return std::isfinite(x) ? bj::value(x) : bj::value(nullptr);
}

bj::array bounds(const Bounds& b) {
  return {number(b.lo), number(b.hi)};
}

bj::object coverage_json(const Coverage& c) {
  return {{"50", number(c.c50)},
          {"80", number(c.c80)},
          {"90", number(c.c90)},
          {"95", number(c.c95)},
          {"90_top_vol_decile", number(c.c90_top_vol_decile)}};
}

bj::object step_json(const StepScores& s) {
  return {{"step", s.step},
          {"n", s.n},
          {"pinball", number(s.pinball)},
          {"pinball_static", number(s.pinball_static)},
          {"pinball_ewma", number(s.pinball_ewma)},
          {"pinball_har", number(s.pinball_har)},
          {"skill_vs_ewma_pct", number(s.skill_vs_ewma_pct)},
          {"skill_vs_har_pct", number(s.skill_vs_har_pct)},
          {"coverage_90", number(s.coverage90)},
          {"coverage_90_top_vol_decile", number(s.coverage90_top_vol_decile)},
          {"mae_ratio", number(s.mae_ratio)}};
}

bj::array hours_json(const SeriesScores& s) {
  bj::array hours;
  for (std::size_t h = 0; h < kHours; ++h) {
    const HourScores& hour = s.hours[h];
    hours.push_back(bj::object{{"hour", h},
                               {"n", hour.n},
                               {"pinball", number(hour.pinball)},
                               {"pinball_ewma", number(hour.pinball_ewma)},
                               {"pinball_har", number(hour.pinball_har)}});
  }
  return hours;
}

bj::array ages_json(const SeriesScores& s) {
  bj::array ages;
  for (const AgeScores& a : s.ages) {
    ages.push_back(bj::object{{"week", a.week},
                              {"n", a.n},
                              {"pinball", number(a.pinball)},
                              {"pinball_ewma", number(a.pinball_ewma)},
                              {"pinball_har", number(a.pinball_har)}});
  }
  return ages;
}

void add_distribution(const SeriesScores& s, bj::object& out) {
  bj::array steps, calibration, deciles, suspicions;
  for (const StepScores& step : s.steps)
    steps.push_back(step_json(step));
  for (const CalibrationPoint& p : s.calibration) {
    calibration.push_back(bj::object{{"level", p.level}, {"observed", number(p.observed)}});
  }
  for (const double share : s.coverage90_by_vol_decile)
    deciles.push_back(number(share));
  for (const std::string& text : leak_suspicions(s))
    suspicions.push_back(bj::value(text));
  out["steps"] = std::move(steps);
  out["calibration"] = std::move(calibration);
  out["pit_counts"] = bj::array(s.pit.begin(), s.pit.end());
  out["coverage_90_by_vol_decile"] = std::move(deciles);
  out["hours"] = hours_json(s);
  out["weeks_since_training"] = ages_json(s);
  out["verdict"] = verdict(s);
  out["leak_suspicions"] = std::move(suspicions);
}

void add_accuracy(const SeriesScores& s, bj::object& out) {
  out["mape_pct"] = number(s.mape_pct);
  out["mape_persistence_pct"] = number(s.mape_persistence_pct);
  out["mape_tick_floor_pct"] = number(s.mape_tick_floor_pct);
  out["mape_direction_oracle_pct"] = number(s.mape_direction_oracle_pct);
  out["mae_ratio"] = number(s.mae_ratio);
  out["rmse"] = number(s.rmse);
  out["rmse_z"] = number(s.rmse_z);
  out["direction_accuracy"] = number(s.direction_accuracy);
  out["direction_n"] = s.direction_n;
  out["direction_ci95"] = bounds(s.direction_ci95);
  out["direction_reversal"] = number(s.direction_reversal);
}

void add_skill(const SeriesScores& s, bj::object& out) {
  out["pinball"] = number(s.pinball);
  out["pinball_static"] = number(s.pinball_static);
  out["pinball_ewma"] = number(s.pinball_ewma);
  out["pinball_har"] = number(s.pinball_har);
  out["skill_vs_static_pct"] = number(s.skill_vs_static_pct);
  out["skill_vs_ewma_pct"] = number(s.skill_vs_ewma_pct);
  out["skill_vs_har_pct"] = number(s.skill_vs_har_pct);
  out["skill_vs_ewma_ci95_pct"] = bounds(s.skill_vs_ewma_ci95);
  out["skill_vs_har_ci95_pct"] = bounds(s.skill_vs_har_ci95);
  out["coverage"] = coverage_json(s.coverage);
  out["dm_p_vs_ewma"] = number(s.dm_p_vs_ewma);
  out["dm_p_vs_har"] = number(s.dm_p_vs_har);
  out["log_range_r2"] = number(s.log_range_r2);
  out["log_range_r2_har"] = number(s.log_range_r2_har);
  out["spike_auc"] = number(s.spike_auc);
  out["rank_ic"] = number(s.rank_ic);
  out["rank_ic_ci95"] = bounds(s.rank_ic_ci95);
}

bj::object scores_json(const SeriesScores& s) {
  bj::object out{{"symbol", s.symbol},
                 {"timeframe", market::to_string(s.interval)},
                 {"kind", s.kind},
                 {"champion", s.champion},
                 {"n", s.n},
                 {"n_unknown", s.n_unknown},
                 {"horizon", s.horizon}};
  add_accuracy(s, out);
  add_skill(s, out);
  add_distribution(s, out);
  return out;
}

bj::object protocol_json(const Protocol& p) {
  bj::object notes;
  for (const auto& [name, text] : p.notes)
    notes[name] = text;
  return {{"mode", p.mode},
          {"fit_from", p.fit_from},
          {"fit_until", p.fit_until},
          {"score_from", p.score_from},
          {"score_until", p.score_until},
          {"folds", p.folds},
          {"purge_candles", p.purge_candles},
          {"embargo_candles", p.embargo_candles},
          {"horizon", p.horizon},
          {"quantile_levels", bj::array(p.levels.begin(), p.levels.end())},
          {"seed", p.seed},
          {"profile", p.profile},
          {"command", p.command},
          {"version", p.version},
          {"notes", std::move(notes)}};
}

bj::object pooled_json(const std::vector<SeriesScores>& pools) {
  bj::object pooled;
  for (const SeriesScores& s : pools)
    pooled[market::to_string(s.interval)] = scores_json(s);
  return pooled;
}

bj::array parts_json(const std::vector<PartScores>& parts) {
  bj::array out;
  for (const PartScores& p : parts) {
    out.push_back(bj::object{{"score_from", p.from},
                             {"score_until", p.until},
                             {"seed", p.seed},
                             {"pooled", pooled_json(p.pooled)}});
  }
  return out;
}

}  // namespace

bj::value report_json(const ReportData& data) {
  bj::array series, canaries;
  for (const SeriesScores& s : data.series)
    series.push_back(scores_json(s));
  for (const Canary& c : data.canaries) {
    canaries.push_back(bj::object{
        {"name", c.name}, {"passed", c.passed}, {"figure", number(c.figure)}, {"meaning", c.meaning}});
  }
  return bj::object{{"protocol", protocol_json(data.protocol)}, {"series", std::move(series)},
                    {"pooled", pooled_json(data.pooled)},       {"folds", parts_json(data.folds)},
                    {"seeds", parts_json(data.seeds)},          {"canaries", std::move(canaries)},
                    {"verdict", overall_verdict(data.series)},  {"wall_s", data.wall_s}};
}

}  // namespace mop::evaluate
