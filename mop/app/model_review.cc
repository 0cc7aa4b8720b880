#include "mop/app/model_review.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/evaluate/certificate.h"

namespace mop::app {
namespace {

// Of what forecasts by this branch: its network, or the baseline that did better.
double skill_of(const train::BranchModel& branch) {
  const train::BlockScore& s = branch.validation;
  if (s.n == 0) return std::nan("");
  return 1.0 - (branch.champion == "har" ? s.har : branch.champion == "ewma" ? s.ewma : s.pinball) / s.ewma;
}

std::optional<std::string> objection(const train::BranchModel& branch, const ReviewedModel& reviewed) {
  const std::string_view interval = market::to_string(branch.interval);
  const double skill = skill_of(branch);
  if (!std::isfinite(skill)) return fmt::format("{} was not scored on its validation block", interval);
  if (skill < 0.0)
    return fmt::format("{} was {:.2f} % worse than EWMA on its validation block", interval, -100.0 * skill);
  if (reviewed.old == nullptr || !reviewed.old_counts(branch.interval)) return std::nullopt;
  const auto old = std::ranges::find(reviewed.old->branches, branch.interval, &train::BranchModel::interval);
  if (old == reviewed.old->branches.end()) return std::nullopt;
  if (const double before = skill_of(*old); skill < before - kSkillTolerance)
    return fmt::format("{} has a skill of {:+.2f} % against EWMA, the model it would replace {:+.2f} %",
                       interval, 100.0 * skill, 100.0 * before);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> objection(const ReviewedModel& reviewed) {
  const train::TrainedModel& fresh = reviewed.fresh;
  if (fresh.id() != reviewed.file_id) return fmt::format("it is a model of {}", fresh.id());
  if (const std::string mark = evaluate::certificate_mark(fresh); !mark.empty()) return mark;
  if (reviewed.old != nullptr && fresh.trained_until <= reviewed.old->trained_until)
    return fmt::format("it learnt until {}, no longer than the model it would replace",
                       format_utc(fresh.trained_until + 1));
  for (const train::BranchModel& branch : fresh.branches) {
    if (auto why = objection(branch, reviewed)) return why;
  }
  return std::nullopt;
}

}  // namespace mop::app
