#include "mop/evaluate/verdict.h"

#include <array>
#include <cmath>

#include <fmt/format.h>

namespace mop::evaluate {
namespace {

struct Comparison {
  std::string_view name;
  double skill_pct, p;

  bool beaten() const { return skill_pct > 0.0 && p < kSignificance; }
  std::string figures() const { return fmt::format("{:+.2f} %, {}", skill_pct, p_text()); }
  std::string won() const { return fmt::format("{} by {:.2f} % ({})", name, skill_pct, p_text()); }
  std::string lost() const { return fmt::format("{} ({})", name, figures()); }
  std::string p_text() const {
    if (!std::isfinite(p)) return "DM p unknown";
    return p < 0.001 ? "DM p < 0.001" : fmt::format("DM p {:.{}f}", p, p < 0.01 ? 3 : 2);
  }
};

Comparison with_ewma(const SeriesScores& s) {
  return {"EWMA", s.skill_vs_ewma_pct, s.dm_p_vs_ewma};
}
Comparison with_har(const SeriesScores& s) {
  return {"HAR", s.skill_vs_har_pct, s.dm_p_vs_har};
}

std::string_view better_baseline(const SeriesScores& s) {
  return s.pinball_ewma < s.pinball_har ? "EWMA" : "HAR";
}

}  // namespace

Standing standing_of(const SeriesScores& scores) {
  if (!std::isfinite(scores.skill_vs_ewma_pct) || !std::isfinite(scores.skill_vs_har_pct))
    return Standing::kUnscored;
  const bool ewma = with_ewma(scores).beaten(), har = with_har(scores).beaten();
  if (ewma && har) return Standing::kBeatsBoth;
  if (ewma) return Standing::kBeatsEwmaOnly;
  return har ? Standing::kBeatsHarOnly : Standing::kBeatsNone;
}

std::string verdict(const SeriesScores& scores) {
  const Comparison ewma = with_ewma(scores), har = with_har(scores);
  switch (standing_of(scores)) {
    case Standing::kUnscored:
      return "too little was scored to compare it with the baselines";
    case Standing::kBeatsBoth:
      return fmt::format("beats {} and {}", ewma.won(), har.won());
    case Standing::kBeatsEwmaOnly:
      return fmt::format("beats {} but does not beat {}; use {}", ewma.won(), har.lost(),
                         har.skill_pct < 0.0 ? "HAR" : "either");
    case Standing::kBeatsHarOnly:
      return fmt::format("beats {} but does not beat {}; use {}", har.won(), ewma.lost(),
                         ewma.skill_pct < 0.0 ? "EWMA" : "either");
    case Standing::kBeatsNone:
      break;
  }
  return fmt::format("does not beat {} or {}; use {}", ewma.lost(), har.lost(), better_baseline(scores));
}

std::string overall_verdict(std::span<const SeriesScores> series) {
  std::array<std::size_t, 5> counts{};
  for (const SeriesScores& s : series)
    ++counts[static_cast<std::size_t>(standing_of(s))];
  const auto count = [&](Standing s) { return counts[static_cast<std::size_t>(s)]; };
  std::string text =
      fmt::format("{} of {} series beat both EWMA and HAR", count(Standing::kBeatsBoth), series.size());
  const auto add = [&](Standing standing, std::string_view words) {
    if (count(standing) > 0) text += fmt::format(", {} {}", count(standing), words);
  };
  add(Standing::kBeatsEwmaOnly, "only EWMA");
  add(Standing::kBeatsHarOnly, "only HAR");
  add(Standing::kBeatsNone, "neither");
  add(Standing::kUnscored, "could not be compared");
  return text + fmt::format(" (Diebold-Mariano p < {})", kSignificance);
}

std::vector<std::string> leak_suspicions(const SeriesScores& s) {
  std::vector<std::string> found;
  const auto suspect = [&](bool condition, std::string_view what, double figure, std::string_view limit) {
    if (condition) found.push_back(fmt::format("{} is {:.4g}, {}", what, figure, limit));
  };
  suspect(s.mae_ratio < 0.97, "MAE ratio", s.mae_ratio, "below 0.97");
  // Below a thousand moves a share of 58 % happens by chance.
  suspect(s.direction_accuracy > 0.58 && s.direction_n >= 1000, "direction accuracy", s.direction_accuracy,
          "above 0.58");
  suspect(s.skill_vs_ewma_pct > 15.0, "skill vs EWMA", s.skill_vs_ewma_pct, "above 15 %");
  suspect(s.log_range_r2 > 0.75, "log-range R2", s.log_range_r2, "above 0.75");
  suspect(s.coverage.c90 >= 1.0 && s.n >= 100, "coverage of the 90 % interval", s.coverage.c90,
          "which is all of them");
  return found;
}

}  // namespace mop::evaluate
