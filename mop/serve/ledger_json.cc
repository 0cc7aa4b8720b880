#include "mop/serve/ledger_json.h"

#include <string>

#include <boost/json.hpp>

namespace mop::serve {

namespace bj = boost::json;

bj::object to_json(const LiveScores& s) {
  bj::object json{
      {"symbol", s.symbol},
      {"timeframe", std::string(market::to_string(s.interval))},
      {"champion", s.champion},
      {"n", s.n},
      {"first_as_of", nullptr},
      {"last_as_of", nullptr},
      {"pinball", s.pinball},
      {"pinball_static", s.pinball_static},
      {"pinball_ewma", s.pinball_ewma},
      {"pinball_har", s.pinball_har},
      {"skill_vs_static_pct", s.skill_vs_static_pct},
      {"skill_vs_ewma_pct", s.skill_vs_ewma_pct},
      {"skill_vs_har_pct", s.skill_vs_har_pct},
      {"mae_ratio", s.mae_ratio},
      {"coverage",
       {{"50", s.coverage.c50}, {"80", s.coverage.c80}, {"90", s.coverage.c90}, {"95", s.coverage.c95}}},
      {"direction_accuracy", s.direction_accuracy},
      {"direction_n", s.direction_n},
      {"direction_ci95", {s.direction_ci95.lo, s.direction_ci95.hi}},
      {"dm_p_vs_har", s.dm_p_vs_har}};
  if (s.n > 0) {
    json["first_as_of"] = s.first_as_of;
    json["last_as_of"] = s.last_as_of;
  }
  return json;
}

bj::object to_json(const LedgerReport& r) {
  bj::array problems, unscored;
  for (const LedgerProblem& p : r.problems)
    problems.push_back({{"row", p.seq}, {"message", p.what}});
  for (const UnscoredSteps& u : r.unscored) {
    unscored.push_back({{"symbol", u.series.symbol},
                        {"timeframe", std::string(market::to_string(u.series.interval))},
                        {"steps", u.steps},
                        {"first_close_time", u.first},
                        {"last_close_time", u.last}});
  }
  return {{"rows", r.rows},
          {"models", r.models},
          {"forecasts", r.forecasts},
          {"missed", r.missed},
          {"head", r.head},
          {"intact", r.problems.empty()},
          {"problems", std::move(problems)},
          {"unscored", std::move(unscored)}};
}

}  // namespace mop::serve
