#include "mop/dataset/sequences.h"

#include <algorithm>

#include "mop/base/check.h"
#include "mop/dataset/asof_join.h"

namespace mop::dataset {

SequenceBuilder::SequenceBuilder(std::vector<Branch> branches, std::size_t lookback)
    : branches_(std::move(branches)), lookback_(lookback) {
  MOP_CHECK(branches_.size() == 1 || branches_.size() == 2) << branches_.size();
  MOP_CHECK(lookback_ >= 1);
  for (const Branch& b : branches_)
    MOP_CHECK(b.scaled.size() == b.data->rows() * b.data->inputs());
  if (branches_.size() == 2)
    hour_of_ = asof_hour(branches_[0].data->close_time, branches_[1].data->close_time);
}

std::int64_t SequenceBuilder::branch_row(std::size_t branch, std::size_t t) const {
  return branch == 0 ? static_cast<std::int64_t>(t) : hour_of_[t];
}

bool SequenceBuilder::has_window(std::size_t t) const {
  for (std::size_t b = 0; b < branches_.size(); ++b) {
    const std::int64_t row = branch_row(b, t);
    if (row < 0 || branches_[b].data->history[static_cast<std::size_t>(row)] < lookback_) return false;
  }
  return true;
}

std::int64_t SequenceBuilder::row_of(std::size_t head, std::size_t t) const {
  const std::int64_t row = branch_row(head, t);
  if (row < 0) return -1;
  const bool same_close = series(head).close_time[static_cast<std::size_t>(row)] == primary().close_time[t];
  return same_close ? row : -1;
}

std::vector<Chunk> SequenceBuilder::chunks(std::size_t begin, std::size_t end, std::size_t scored,
                                           std::size_t offset) const {
  std::vector<Chunk> cut;
  end = std::min(end, rows());
  for (std::size_t t = begin; t < end;) {
    if (!has_window(t)) {
      ++t;
      continue;
    }
    std::size_t stop = t + 1;  // the run of rows with windows from t on, without a hole
    while (stop < end && has_window(stop) && primary().history[stop] > primary().history[stop - 1])
      ++stop;
    for (std::size_t width = offset > 0 ? offset : scored; t < stop; width = scored) {
      cut.push_back({t, std::min(width, stop - t)});
      t += cut.back().count;
    }
  }
  return cut;
}

std::size_t SequenceBuilder::steps(std::size_t branch, std::size_t scored) const {
  const std::size_t per_hour = branch == 0 ? 1 : 4;  // an hour closes with every fourth 15m candle
  return lookback_ + (scored - 1 + per_hour - 1) / per_hour;
}

void SequenceBuilder::build_branch(std::size_t branch, std::span<const Chunk> chunks, Sequences& out) const {
  const SeriesData& data = *branches_[branch].data;
  const std::vector<float>& scaled = branches_[branch].scaled;
  const std::size_t F = data.inputs(), B = chunks.size(), T = steps(branch, out.scored);
  Sequences::Branch& to = out.branches[branch];
  to.steps = T;
  to.x.resize(T * B * F);
  to.read_step.resize(out.scored * B);
  to.row_of.resize(T * B);
  std::vector<std::int32_t> number_of(data.rows() + 1, -1);  // the last one is the row of zeros
  to.distinct = 0;
  for (std::size_t b = 0; b < B; ++b) {
    const std::int64_t start = branch_row(branch, chunks[b].first) - static_cast<std::int64_t>(lookback_) + 1;
    for (std::size_t step = 0; step < T; ++step) {
      const std::int64_t row = start + static_cast<std::int64_t>(step);
      float* x = to.x.data() + (step * B + b) * F;
      const bool exists = row >= 0 && row < static_cast<std::int64_t>(data.rows());
      std::int32_t& number = number_of[exists ? static_cast<std::size_t>(row) : data.rows()];
      if (number < 0) number = static_cast<std::int32_t>(to.distinct++);
      to.row_of[step * B + b] = number;
      if (!exists) {
        std::fill_n(x, F, 0.0f);  // behind the last position read: the network never looks ahead
      } else {
        std::copy_n(scaled.data() + static_cast<std::size_t>(row) * F, F, x);
      }
    }
    for (std::size_t s = 0; s < out.scored; ++s) {
      const std::size_t t = chunks[b].first + s;
      const std::int64_t row = t < rows() ? branch_row(branch, t) : -1;
      const std::int64_t step = row - start;
      const bool inside = s < chunks[b].count && row >= 0 && step < static_cast<std::int64_t>(T) &&
                          data.history[static_cast<std::size_t>(row)] > step;
      to.read_step[s * B + b] = static_cast<std::int32_t>(inside ? step : static_cast<std::int64_t>(T) - 1);
      if (!inside) out.usable[s * B + b] = 0;
    }
  }
}

void SequenceBuilder::build(std::span<const Chunk> chunks, std::size_t scored, Sequences& out) const {
  out.batch = chunks.size();
  out.scored = scored;
  out.branches.resize(branches_.size());
  out.usable.assign(scored * chunks.size(), 1);
  for (std::size_t b = 0; b < branches_.size(); ++b)
    build_branch(b, chunks, out);
}

}  // namespace mop::dataset
