#include "mop/dataset/sequences.h"

#include <algorithm>
#include <numeric>

#include "mop/base/check.h"
#include "mop/dataset/asof_join.h"

namespace mop::dataset {

SequenceBuilder::SequenceBuilder(std::vector<Branch> branches, std::size_t lookback)
    : branches_(std::move(branches)), lookback_(lookback) {
  MOP_CHECK(branches_.size() == 1 || branches_.size() == 2) << branches_.size();
  MOP_CHECK(lookback_ >= 1);
  for (const Branch& b : branches_)
    MOP_CHECK(b.scaler.inputs() == b.data->inputs()) << b.scaler.inputs();
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

void SequenceBuilder::build_branch(std::size_t branch, const Chunk& chunk, std::size_t b,
                                   Sequences& out) const {
  const SeriesData& data = *branches_[branch].data;
  Sequences::Branch& to = out.branches[branch];
  const std::size_t F = data.inputs(), B = out.batch, T = to.steps;
  const std::int64_t start = branch_row(branch, chunk.first) - static_cast<std::int64_t>(lookback_) + 1;
  to.starts[b] = {&data, start};
  for (std::size_t step = 0; step < T; ++step) {
    const std::int64_t row = start + static_cast<std::int64_t>(step);
    const std::span<float> x = std::span(to.x).subspan((step * B + b) * F, F);
    const bool there = row >= 0 && row < static_cast<std::int64_t>(data.rows()) &&
                       data.history[static_cast<std::size_t>(row)] > 0;
    if (there) {
      branches_[branch].scaler.apply(data.row(static_cast<std::size_t>(row)), x);
    } else {
      std::ranges::fill(x, 0.0f);  // behind the last position read: the network never looks ahead
    }
  }
  for (std::size_t s = 0; s < out.scored; ++s) {
    const std::size_t t = chunk.first + s;
    const std::int64_t row = t < rows() ? branch_row(branch, t) : -1;
    const std::int64_t step = row - start;
    const bool inside = s < chunk.count && row >= 0 && step < static_cast<std::int64_t>(T) &&
                        data.history[static_cast<std::size_t>(row)] > step;
    to.read_step[s * B + b] = static_cast<std::int32_t>(inside ? step : static_cast<std::int64_t>(T) - 1);
    if (!inside) out.usable[s * B + b] = 0;
  }
}

void SequenceBuilder::shape(std::size_t batch, std::size_t scored, Sequences& out) const {
  out.batch = batch;
  out.scored = scored;
  out.branches.resize(branches_.size());
  out.usable.assign(scored * batch, 1);
  for (std::size_t branch = 0; branch < branches_.size(); ++branch) {
    Sequences::Branch& to = out.branches[branch];
    to.steps = steps(branch, scored);
    to.x.resize(to.steps * batch * series(branch).inputs());
    to.read_step.resize(scored * batch);
    to.starts.resize(batch);
    to.row_of.clear();
  }
}

void SequenceBuilder::build_at(const Chunk& chunk, std::size_t b, Sequences& out) const {
  for (std::size_t branch = 0; branch < branches_.size(); ++branch)
    build_branch(branch, chunk, b, out);
}

void SequenceBuilder::build(std::span<const Chunk> chunks, std::size_t scored, Sequences& out) const {
  shape(chunks.size(), scored, out);
  for (std::size_t b = 0; b < chunks.size(); ++b)
    build_at(chunks[b], b, out);
  out.number_rows();
}

void Sequences::number_rows() {
  for (Branch& branch : branches) {
    // Series in the order of their first sequence: that of their addresses would change from run to run, and
    // with it the order in which gradients add up.
    std::vector<std::pair<std::size_t, std::int64_t>> starts(batch);
    for (std::size_t b = 0; b < batch; ++b) {
      const auto& [series, row] = branch.starts[b];
      const auto first =
          std::ranges::find(branch.starts, series, [](const auto& start) { return start.first; });
      starts[b] = {static_cast<std::size_t>(first - branch.starts.begin()), row};
    }
    std::vector<std::size_t> order(batch);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, {}, [&](std::size_t b) { return std::pair(starts[b], b); });
    branch.row_of.resize(branch.steps * batch);
    branch.distinct = 0;
    std::size_t number = 0;  // of the sequence's first row
    for (std::size_t i = 0; i < batch; ++i) {
      const auto& [series, row] = starts[order[i]];
      const auto& [series_before, row_before] = starts[order[i > 0 ? i - 1 : 0]];
      const auto steps_on = static_cast<std::size_t>(row - row_before);
      const bool overlaps = i > 0 && series == series_before && steps_on < branch.steps;
      number = overlaps ? number + steps_on : branch.distinct;
      branch.distinct = number + branch.steps;
      for (std::size_t step = 0; step < branch.steps; ++step)
        branch.row_of[step * batch + order[i]] = static_cast<std::int32_t>(number + step);
    }
  }
}

}  // namespace mop::dataset
