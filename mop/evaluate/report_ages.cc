#include "mop/evaluate/report_ages.h"

#include <cmath>

#include <fmt/format.h>

#include "mop/evaluate/summary.h"

namespace mop::evaluate {
namespace {

constexpr std::size_t kMonth = 4;  // weeks

double skill_vs_har(const AgeScores& a) {
  return skill_pct(a.pinball, a.pinball_har);
}

void add(const AgeScores& part, AgeScores& sum) {
  const double before = static_cast<double>(sum.n), more = static_cast<double>(part.n);
  const auto mean = [&](double old, double added) {
    return before > 0.0 ? (before * old + more * added) / (before + more) : added;
  };
  sum.pinball = mean(sum.pinball, part.pinball);
  sum.pinball_ewma = mean(sum.pinball_ewma, part.pinball_ewma);
  sum.pinball_har = mean(sum.pinball_har, part.pinball_har);
  sum.n += part.n;
}

std::string_view tendency(const Slope& trend) {
  if (trend.ci95.hi < 0.0) return "It loses skill as it ages";
  return trend.ci95.lo > 0.0 ? "It gains skill as it ages" : "No trend that could not be chance";
}

}  // namespace

std::vector<AgeScores> merged_ages(const std::vector<AgeScores>& ages, std::size_t weeks) {
  std::vector<AgeScores> merged;
  for (const AgeScores& a : ages) {
    const std::size_t first = a.week - a.week % weeks;
    if (merged.empty() || merged.back().week != first) merged.push_back({.week = first});
    add(a, merged.back());
  }
  return merged;
}

Slope skill_trend(const std::vector<AgeScores>& ages) {
  std::vector<double> at, skill, weight;
  for (const AgeScores& a : ages) {
    at.push_back(static_cast<double>(a.week) / static_cast<double>(kMonth));
    skill.push_back(skill_vs_har(a));
    weight.push_back(static_cast<double>(a.n));
  }
  return weighted_slope(at, skill, weight);
}

std::string age_sentence(const SeriesScores& s) {
  const Slope trend = skill_trend(s.ages);
  if (!std::isfinite(trend.value)) return "Too few weeks were scored to see the models age.";
  AgeScores first{}, last{};
  for (const AgeScores& a : s.ages) {
    if (a.week < s.ages.front().week + kMonth) add(a, first);
    if (a.week + kMonth > s.ages.back().week) add(a, last);
  }
  return fmt::format(
      "{}: {:+.2f} points of skill against HAR in four weeks, 95 % interval {:+.2f} to {:+.2f}. First four "
      "weeks {:+.2f} %, last four {:+.2f} %.",
      tendency(trend), trend.value, trend.ci95.lo, trend.ci95.hi, skill_vs_har(first), skill_vs_har(last));
}

}  // namespace mop::evaluate
