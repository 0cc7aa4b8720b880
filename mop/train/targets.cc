#include "mop/train/targets.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mop/base/check.h"

namespace mop::train {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kFlatRange = 0.02;  // of sigma: a candle that did not move counts as this

}  // namespace

Objective::Objective(std::span<const Member> members, double half_life_days)
    : members_(members), half_life_days_(half_life_days) {
  std::size_t widest = 0, horizon = 0;
  for (const BranchModel& h : members_[0].model.branches) {
    offsets_.push_back(outputs_);
    outputs_ += outputs_per_head(h.head);
    widest = std::max(widest, nn::raw_size(h.head));
    horizon = std::max(horizon, h.head.horizon);
  }
  z_.resize(horizon);
  scratch_.resize(widest);
}

double Objective::range_target(const dataset::SeriesData& data, std::size_t row, UnixMillis limit) {
  const double range = data.next_log_range[row];
  if (std::isnan(range) || !data.target_closes_before(row, 1, limit)) return kNaN;
  return std::log(std::max(range / data.sigma[row], kFlatRange));
}

double Objective::weight_of(UnixMillis close, UnixMillis limit) const {
  if (half_life_days_ == 0.0) return 1.0;
  const auto days = static_cast<double>(limit - close) / static_cast<double>(kDay);
  return std::exp2(-days / half_life_days_);
}

std::size_t Objective::take(std::span<const MemberChunk> chunks, const dataset::Sequences& sequences,
                            UnixMillis limit) {
  scored_ = sequences.scored;
  limit_ = limit;
  pairs_.clear();
  double sum = 0.0;
  for (std::size_t s = 0; s < sequences.scored; ++s) {
    for (std::size_t b = 0; b < chunks.size(); ++b) {
      if (sequences.usable[s * chunks.size() + b] == 0) continue;
      const dataset::SequenceBuilder& builder = *members_[chunks[b].member].builder;
      for (std::size_t head = 0; head < builder.heads(); ++head) {
        const std::int64_t found = builder.row_of(head, chunks[b].rows.first + s);
        if (found < 0) continue;
        const auto row = static_cast<std::size_t>(found);
        const dataset::SeriesData& data = builder.series(head);
        if (!data.target_closes_before(row, 1, limit) || std::isnan(data.z(row, 1))) continue;
        const double weight = weight_of(data.close_time[row], limit);
        sum += weight;
        pairs_.push_back({s, b, chunks[b].member, head, row, weight});
      }
    }
  }
  for (Pair& pair : pairs_)
    pair.weight /= sum;
  return pairs_.size();
}

// y and dy are the head's outputs of that row on.
double Objective::loss_of(const Pair& pair, std::span<const float> y, std::span<float> dy) {
  const BranchModel& model = members_[pair.member].model.branches[pair.head];
  const dataset::SeriesData& data = *members_[pair.member].data[pair.head];
  const std::size_t H = model.head.horizon, raw = nn::raw_size(model.head);
  for (std::size_t h = 1; h <= H; ++h) {
    z_[h - 1] = data.target_closes_before(pair.row, h, limit_) ? data.z(pair.row, h) : kNaN;
  }
  const std::span<float> draw(scratch_.data(), raw);
  const double pinball =
      nn::pinball_loss_and_grad(model.head, y.first(raw), std::span<const double>(z_).first(H), 1.0, draw);
  if (dy.empty()) return pinball;
  for (std::size_t i = 0; i < raw; ++i)
    dy[i] = static_cast<float>(pair.weight * static_cast<double>(draw[i]));
  const double range = range_target(data, pair.row, limit_);
  if (std::isnan(range)) return pinball;
  const double error = static_cast<double>(y[raw]) - (range - model.range_mean) / model.range_sd;
  dy[raw] = static_cast<float>(pair.weight * kRangeWeight * error);
  return pinball;
}

LossSum Objective::loss(std::size_t first, std::size_t count, std::span<const float> y, std::span<float> dy) {
  MOP_CHECK(y.size() == scored_ * count * outputs_) << y.size();
  std::fill(dy.begin(), dy.end(), 0.0f);
  LossSum sum;
  for (const Pair& pair : pairs_) {
    if (pair.sequence < first || pair.sequence >= first + count) continue;
    const std::size_t at = (pair.position * count + pair.sequence - first) * outputs_ + offsets_[pair.head];
    sum.pinball += loss_of(pair, y.subspan(at), dy.empty() ? dy : dy.subspan(at));
    ++sum.pairs;
  }
  return sum;
}

LossSum Objective::loss(std::span<const MemberChunk> chunks, const dataset::Sequences& sequences,
                        UnixMillis limit, std::span<const float> y, std::span<float> dy) {
  take(chunks, sequences, limit);
  return loss(0, chunks.size(), y, dy);
}

}  // namespace mop::train
