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

void Objective::collect_pairs(std::span<const MemberChunk> chunks, const dataset::Sequences& sequences,
                              UnixMillis limit) {
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
        pairs_.push_back(
            {(s * chunks.size() + b) * outputs_ + offsets_[head], chunks[b].member, head, row, weight});
      }
    }
  }
  for (Pair& pair : pairs_)
    pair.weight /= sum;
}

LossSum Objective::loss(std::span<const MemberChunk> chunks, const dataset::Sequences& sequences,
                        UnixMillis limit, std::span<const float> y, std::span<float> dy) {
  MOP_CHECK(y.size() == sequences.scored * chunks.size() * outputs_) << y.size();
  collect_pairs(chunks, sequences, limit);
  std::fill(dy.begin(), dy.end(), 0.0f);
  LossSum sum;
  sum.pairs = pairs_.size();
  for (const Pair& pair : pairs_) {
    const BranchModel& model = members_[pair.member].model.branches[pair.head];
    const dataset::SeriesData& data = *members_[pair.member].data[pair.head];
    const std::size_t H = model.head.horizon, raw = nn::raw_size(model.head);
    for (std::size_t h = 1; h <= H; ++h) {
      z_[h - 1] = data.target_closes_before(pair.row, h, limit) ? data.z(pair.row, h) : kNaN;
    }
    const std::span<float> draw(scratch_.data(), raw);
    sum.pinball += nn::pinball_loss_and_grad(model.head, y.subspan(pair.output, raw),
                                             std::span<const double>(z_).first(H), 1.0, draw);
    if (dy.empty()) continue;
    for (std::size_t i = 0; i < raw; ++i) {
      dy[pair.output + i] = static_cast<float>(pair.weight * static_cast<double>(draw[i]));
    }
    const double range = range_target(data, pair.row, limit);
    if (std::isnan(range)) continue;
    const double error =
        static_cast<double>(y[pair.output + raw]) - (range - model.range_mean) / model.range_sd;
    dy[pair.output + raw] = static_cast<float>(pair.weight * kRangeWeight * error);
  }
  return sum;
}

}  // namespace mop::train
