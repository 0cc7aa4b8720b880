#include "mop/train/pool_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mop/base/parallel.h"
#include "mop/train/epochs.h"
#include "mop/train/targets.h"

namespace mop::train {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

using Table = nn::cuda::PoolData::Table;

// Rows of a member from `first` on.
void fill_rows(const Member& m, std::size_t branch, std::size_t first, Table& table) {
  const dataset::SeriesData& data = *m.data[branch];
  const dataset::Scaler& scaler = m.model.branches[branch].scaler;
  for (std::size_t t = 0; t < data.rows(); ++t) {
    table.history[first + t] = static_cast<std::int32_t>(data.history[t]);
    if (data.history[t] == 0) continue;
    scaler.apply(data.row(t), std::span(table.rows).subspan((first + t) * data.inputs(), data.inputs()));
  }
}

// What row t of the first branch is compared with at one head: (horizon + 2) values, not numbers so far.
void fill_target(const Pool& pool, const Objective& objective, const Member& m, std::size_t head,
                 std::size_t t, std::span<float> to) {
  const BranchModel& branch = m.model.branches[head];
  const dataset::SeriesData& data = *m.data[head];
  const std::size_t H = branch.head.horizon;
  const bool fit = t < m.split.fit_end;
  const UnixMillis limit = fit ? pool.fit_targets_before : INT64_MAX;
  const std::int64_t found = m.builder->row_of(head, t);
  to[H + 1] = 0.0f;
  if (found < 0) return;
  const auto row = static_cast<std::size_t>(found);
  for (std::size_t h = 1; h <= H; ++h) {
    if (data.target_closes_before(row, h, limit)) to[h - 1] = static_cast<float>(data.z(row, h));
  }
  if (std::isnan(to[0])) return;
  const double range = Objective::range_target(data, row, limit);
  to[H] = static_cast<float>((range - branch.range_mean) / branch.range_sd);
  const double weight = fit ? objective.weight_of(data.close_time[row], limit) : 1.0;
  to[H + 1] = std::max(static_cast<float>(weight), std::numeric_limits<float>::min());
}

// Where each member's rows begin in each branch's table.
std::vector<std::vector<std::size_t>> first_rows(const Pool& pool) {
  std::vector<std::vector<std::size_t>> first(pool.members.size());
  std::vector<std::size_t> next(pool.members[0].data.size(), 0);
  for (std::size_t m = 0; m < pool.members.size(); ++m) {
    first[m] = next;
    for (std::size_t b = 0; b < next.size(); ++b)
      next[b] += pool.members[m].data[b]->rows();
  }
  return first;
}

// One member's part of everything.
void fill_member(const Pool& pool, const Member& m, const std::vector<std::size_t>& first,
                 nn::cuda::PoolData& out) {
  const Objective objective(pool.members, pool.profile.half_life_days);
  for (std::size_t b = 0; b < first.size(); ++b) {
    fill_rows(m, b, first[b], out.tables[b]);
    const std::size_t width = m.model.branches[b].head.horizon + 2;
    for (std::size_t t = 0; t < m.data[0]->rows(); ++t)
      fill_target(pool, objective, m, b, t,
                  std::span(out.heads[b].targets).subspan((first[0] + t) * width, width));
  }
  for (std::size_t t = 0; first.size() > 1 && t < m.data[0]->rows(); ++t) {
    const std::int64_t row = m.builder->branch_row(1, t);
    out.joined[first[0] + t] =
        static_cast<std::int32_t>(row < 0 ? -1 : row + static_cast<std::int64_t>(first[1]));
  }
}

}  // namespace

nn::cuda::PoolData pool_data(const Pool& pool) {
  const nn::cuda::PoolSize size = pool_size(pool);
  nn::cuda::PoolData out;
  out.range_weight = Objective::kRangeWeight;
  const std::size_t rows = size.branches[0].rows;
  for (const auto& branch : size.branches) {
    out.tables.push_back({branch.inputs, std::vector<float>(branch.rows * branch.inputs),
                          std::vector<std::int32_t>(branch.rows)});
    out.heads.push_back({std::vector<float>(rows * (branch.horizon + 2), kNaN), {}});
  }
  out.joined.resize(size.branches.size() > 1 ? rows : 0);
  for (std::size_t b = 0; b < out.heads.size(); ++b) {
    for (const Member& m : pool.members)
      out.heads[b].members.push_back(m.model.branches[b].head);
  }
  const auto first = first_rows(pool);
  parallel_for(pool.members.size(), usable_cores(),
               [&](std::size_t m) { fill_member(pool, pool.members[m], first[m], out); });
  return out;
}

nn::cuda::PoolSize pool_size(const Pool& pool) {
  nn::cuda::PoolSize size;
  size.members = pool.members.size();
  for (const BranchModel& b : pool.members[0].model.branches)
    size.branches.push_back({0, b.inputs.size(), b.head.horizon, b.head.levels.size()});
  for (const Member& m : pool.members) {
    for (std::size_t b = 0; b < m.data.size(); ++b)
      size.branches[b].rows += m.data[b]->rows();
  }
  return size;
}

nn::cuda::NetworkData network_data(const Pool& pool, std::size_t number, std::size_t place) {
  const Profile& p = pool.profile;
  nn::cuda::NetworkData d;
  d.pool = place;
  d.shape = pool.shape;
  for (std::size_t b = 0; b < pool.members[0].data.size(); ++b)
    d.steps.push_back(pool.members[0].builder->steps(b, p.scored));
  d.lookback = p.lookback;
  d.scored = p.scored;
  d.batch = pool.schedule.batch;
  std::size_t validation = 0, runs = 0;
  for (std::size_t m = 0; m < pool.members.size(); ++m) {
    validation += validation_chunks(pool, m).size();
    const std::vector<std::uint32_t>& history = pool.members[m].data[0]->history;
    runs += 1 + static_cast<std::size_t>(std::ranges::count(history, 1u));
  }
  // Another epoch cuts each run elsewhere, into one chunk more at most.
  d.most_chunks = std::max(validation, fit_chunks(pool, pool.seed, 0).size() + runs);
  d.weight_decay = p.weight_decay;
  d.gradient_clip = p.gradient_clip;
  d.dropout = static_cast<float>(p.dropout);
  d.dropout_key = network_seed(pool.seed, number);
  return d;
}

ChunkRows::ChunkRows(const Pool& pool) {
  std::int32_t first = 0;
  for (const Member& m : pool.members) {
    first_rows_.push_back(first);
    first += static_cast<std::int32_t>(m.data[0]->rows());
  }
}

std::vector<nn::cuda::Chunk> ChunkRows::of(std::span<const MemberChunk> chunks) const {
  std::vector<nn::cuda::Chunk> out;
  for (const MemberChunk& c : chunks) {
    out.push_back({first_rows_[c.member] + static_cast<std::int32_t>(c.rows.first),
                   static_cast<std::int32_t>(c.rows.count), static_cast<std::int32_t>(c.member)});
  }
  return out;
}

}  // namespace mop::train
