#include "mop/train/pool_data.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mop/train/epochs.h"
#include "mop/train/targets.h"

namespace mop::train {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

void append_rows(const Member& m, std::size_t branch, nn::cuda::PoolData::Table& table) {
  const dataset::SeriesData& data = *m.data[branch];
  const dataset::Scaler& scaler = m.model.branches[branch].scaler;
  const std::size_t first = table.rows.size();
  table.rows.resize(first + data.rows() * data.inputs(), 0.0f);
  for (std::size_t t = 0; t < data.rows(); ++t) {
    table.history.push_back(static_cast<std::int32_t>(data.history[t]));
    if (data.history[t] > 0)
      scaler.apply(data.row(t), std::span(table.rows).subspan(first + t * data.inputs(), data.inputs()));
  }
}

// Appends what row t of the first branch is compared with at one head.
void append_target(const Pool& pool, const Objective& objective, const Member& m, std::size_t head,
                   std::size_t t, std::vector<float>& to) {
  const BranchModel& branch = m.model.branches[head];
  const dataset::SeriesData& data = *m.data[head];
  const std::size_t H = branch.head.horizon, at = to.size();
  to.resize(at + H + 2, kNaN);
  const bool fit = t < m.split.fit_end;
  const UnixMillis limit = fit ? pool.fit_targets_before : INT64_MAX;
  const std::int64_t found = m.builder->row_of(head, t);
  to[at + H + 1] = 0.0f;
  if (found < 0) return;
  const auto row = static_cast<std::size_t>(found);
  for (std::size_t h = 1; h <= H; ++h) {
    if (data.target_closes_before(row, h, limit)) to[at + h - 1] = static_cast<float>(data.z(row, h));
  }
  if (std::isnan(to[at])) return;
  const double range = Objective::range_target(data, row, limit);
  to[at + H] = static_cast<float>((range - branch.range_mean) / branch.range_sd);
  const double weight = fit ? objective.weight_of(data.close_time[row], limit) : 1.0;
  to[at + H + 1] = std::max(static_cast<float>(weight), std::numeric_limits<float>::min());
}

}  // namespace

nn::cuda::PoolData pool_data(const Pool& pool) {
  nn::cuda::PoolData out;
  out.range_weight = Objective::kRangeWeight;
  const std::size_t branches = pool.members[0].data.size();
  out.tables.resize(branches);
  out.heads.resize(branches);
  const Objective objective(pool.members, pool.profile.half_life_days);
  for (const Member& m : pool.members) {
    const auto joined_before = branches > 1 ? static_cast<std::int64_t>(out.tables[1].history.size()) : 0;
    for (std::size_t b = 0; b < branches; ++b) {
      append_rows(m, b, out.tables[b]);
      out.tables[b].inputs = m.data[b]->inputs();
      out.heads[b].members.push_back(m.model.branches[b].head);
      for (std::size_t t = 0; t < m.data[0]->rows(); ++t)
        append_target(pool, objective, m, b, t, out.heads[b].targets);
    }
    for (std::size_t t = 0; branches > 1 && t < m.data[0]->rows(); ++t) {
      const std::int64_t row = m.builder->branch_row(1, t);
      out.joined.push_back(static_cast<std::int32_t>(row < 0 ? -1 : joined_before + row));
    }
  }
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
