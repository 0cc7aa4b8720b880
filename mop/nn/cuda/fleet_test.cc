// The kernels on fibers against the CPU's engine: the same batches, losses, gradients and updates.
#include "mop/nn/cuda/fleet.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <ostream>

#include <gtest/gtest.h>

#include "mop/base/rng.h"
#include "mop/nn/cpu/network.h"
#include "mop/nn/cuda/emulated_device.h"
#include "mop/nn/cuda/tile-inl.h"
#include "mop/nn/sequence_batch.h"
#include "mop/nn/test_support.h"

namespace mop::nn::cuda {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Case {
  std::string name;
  std::size_t hidden, layers;
  std::vector<std::size_t> inputs;  // per branch
  std::size_t lookback, scored, batch, chunks;
  float dropout;
};

void PrintTo(const Case& c, std::ostream* to) {
  *to << c.name;
}

constexpr std::size_t kRowsPerMember = 60, kMembers = 2, kHorizon = 2;
constexpr std::size_t kHoleAt = 31;  // of each member's rows: history starts again

// Two members with a hole each; the second branch has a row for every four of the first.
PoolData make_pool(const Case& c) {
  PoolData pool;
  pool.range_weight = 0.1;
  Rng rng(7, 1);
  for (std::size_t b = 0; b < c.inputs.size(); ++b) {
    const std::size_t n = kRowsPerMember / (b == 0 ? 1 : 4);
    PoolData::Table table{c.inputs[b], {}, {}};
    for (std::size_t i = 0; i < kMembers * n; ++i) {
      const std::size_t hole = b == 0 ? kHoleAt : n;
      table.history.push_back(static_cast<std::int32_t>(i % n >= hole ? i % n - hole : i % n + 1));
      for (std::size_t f = 0; f < c.inputs[b]; ++f)
        table.rows.push_back(table.history.back() > 0 ? static_cast<float>(rng.normal()) : 0.0f);
    }
    pool.tables.push_back(std::move(table));
  }
  if (c.inputs.size() == 2) {
    for (std::size_t i = 0; i < kMembers * kRowsPerMember; ++i)
      pool.joined.push_back(static_cast<std::int32_t>(i / 4) - (i % 4 == 3 ? 0 : 1) >=
                                    static_cast<std::int32_t>(i / kRowsPerMember * kRowsPerMember / 4)
                                ? static_cast<std::int32_t>(i / 4) - (i % 4 == 3 ? 0 : 1)
                                : -1);
  }
  for (std::size_t b = 0; b < c.inputs.size(); ++b) {
    PoolData::Head head;
    for (std::size_t m = 0; m < kMembers; ++m) {
      QuantileHead q{{0.1, 0.5, 0.75}, kHorizon, {}};
      for (std::size_t h = 0; h < kHorizon; ++h) {
        const double wide = 1.0 + 0.2 * static_cast<double>(m + h + b);
        for (const double base : {-1.2, 0.05, 0.7})
          q.base.push_back(base * wide);
      }
      head.members.push_back(std::move(q));
    }
    for (std::size_t i = 0; i < kMembers * kRowsPerMember; ++i) {
      for (std::size_t h = 0; h < kHorizon; ++h)
        head.targets.push_back(h > 0 && rng.below(8) == 0 ? kNaN : static_cast<float>(rng.normal()));
      head.targets.push_back(rng.below(8) == 0 ? kNaN : static_cast<float>(rng.normal()));
      const bool compared = b == 0 ? rng.below(10) > 0 : i % 4 == 3;
      head.targets.push_back(compared ? static_cast<float>(0.5 + rng.uniform()) : 0.0f);
    }
    pool.heads.push_back(std::move(head));
  }
  return pool;
}

std::size_t outputs_per_head() {
  return kHorizon * 4 + 1;
}

NetworkData make_network(const Case& c) {
  NetworkData d;
  d.shape = {{}, c.hidden, c.layers, c.inputs.size() * outputs_per_head()};
  for (std::size_t b = 0; b < c.inputs.size(); ++b) {
    d.shape.branches.push_back({b == 0 ? "lstm_a" : "lstm_b", c.inputs[b]});
    d.steps.push_back(b == 0 ? c.lookback + c.scored - 1 : c.lookback + (c.scored + 2) / 4);
  }
  d.lookback = c.lookback;
  d.scored = c.scored;
  d.batch = c.batch;
  d.most_chunks = c.chunks;
  d.weight_decay = 0.01;
  d.gradient_clip = 0.05;
  d.dropout = c.dropout;
  d.dropout_key = 0x123456789abcdef0u;
  return d;
}

// Rows with a full window in both branches, cut as they come.
std::vector<Chunk> make_chunks(const Case& c, const PoolData& pool) {
  std::vector<Chunk> chunks;
  Rng rng(11, 2);
  while (chunks.size() < c.chunks) {
    const auto t = static_cast<std::int32_t>(rng.below(kMembers * kRowsPerMember));
    const std::int32_t other = pool.joined.empty() ? -1 : pool.joined[static_cast<std::size_t>(t)];
    const auto window = static_cast<std::int32_t>(c.lookback);
    if (pool.tables[0].history[static_cast<std::size_t>(t)] < window) continue;
    if (!pool.joined.empty() &&
        (other < 0 || pool.tables[1].history[static_cast<std::size_t>(other)] < window))
      continue;
    const auto member = t / static_cast<std::int32_t>(kRowsPerMember);
    const std::int32_t ends =
        t % static_cast<std::int32_t>(kRowsPerMember) < static_cast<std::int32_t>(kHoleAt)
            ? static_cast<std::int32_t>(kHoleAt)
            : static_cast<std::int32_t>(kRowsPerMember);
    const std::int32_t most = ends - t % static_cast<std::int32_t>(kRowsPerMember);
    chunks.push_back({t, std::min(most, static_cast<std::int32_t>(1 + rng.below(c.scored))), member});
  }
  return chunks;
}

std::int32_t row_in(const PoolData& pool, std::size_t branch, std::int32_t t) {
  return branch == 0 ? t : pool.joined[static_cast<std::size_t>(t)];
}

// What dataset and train make of the same chunks on a CPU.
struct CpuStep {
  const Case& c;
  const PoolData& pool;
  std::span<const Chunk> chunks;
  OwnedBatch batch;
  std::vector<std::int32_t> rows;  // (S, B); -1: nothing is compared there
  double weight_sum = 0.0;

  CpuStep(const Case& of, const PoolData& from, const NetworkData& d, std::span<const Chunk> part)
      : c(of), pool(from), chunks(part), batch{part.size(), of.scored, d.steps, {}, {}} {
    rows.assign(c.scored * chunks.size(), -1);
    for (std::size_t b = 0; b < c.inputs.size(); ++b)
      add_branch(b);
    for (std::size_t p = 0; p < rows.size(); ++p) {
      const Chunk& chunk = chunks[p % chunks.size()];
      const auto s = static_cast<std::int32_t>(p / chunks.size());
      bool usable = s < chunk.count;
      for (std::size_t b = 0; b < c.inputs.size() && usable; ++b)
        usable = step(b, chunk, chunk.first + s) >= 0;
      if (!usable) continue;
      rows[p] = chunk.first + s;
      for (const PoolData::Head& head : pool.heads)
        weight_sum += static_cast<double>(weight(head, rows[p]));
    }
  }

  static float weight(const PoolData::Head& head, std::int32_t row) {
    return head.targets[static_cast<std::size_t>(row) * (kHorizon + 2) + kHorizon + 1];
  }

  std::int32_t step(std::size_t branch, const Chunk& chunk, std::int32_t t) const {
    const std::int32_t row = row_in(pool, branch, t);
    const std::int32_t at =
        row - row_in(pool, branch, chunk.first) + static_cast<std::int32_t>(c.lookback) - 1;
    const bool known = row >= 0 && at < static_cast<std::int32_t>(batch.steps[branch]) &&
                       pool.tables[branch].history[static_cast<std::size_t>(row)] > at;
    return known ? at : -1;
  }

  void add_branch(std::size_t b) {
    const PoolData::Table& table = pool.tables[b];
    std::vector<float> x;
    for (std::size_t t = 0; t < batch.steps[b]; ++t) {
      for (const Chunk& chunk : chunks) {
        const std::size_t row = static_cast<std::size_t>(row_in(pool, b, chunk.first)) + t + 1 - c.lookback;
        for (std::size_t f = 0; f < table.inputs; ++f)
          x.push_back(row < table.history.size() ? table.rows[row * table.inputs + f] : 0.0f);
      }
    }
    batch.x.push_back(std::move(x));
    std::vector<std::int32_t> read;
    for (std::size_t s = 0; s < c.scored; ++s) {
      for (const Chunk& chunk : chunks) {
        const std::int32_t t = chunk.first + static_cast<std::int32_t>(s);
        const bool there = static_cast<std::size_t>(t) < kMembers * kRowsPerMember;
        read.push_back(there ? std::max(step(b, chunk, t), 0) : 0);
      }
    }
    batch.read_step.push_back(std::move(read));
  }

  // Loss of one row and head, its gradient into dy.
  double compare(std::size_t head_number, std::size_t p, std::span<const float> y,
                 std::span<float> dy) const {
    const PoolData::Head& head = pool.heads[head_number];
    const float w = weight(head, rows[p]);
    if (w == 0.0f) return 0.0;
    const Chunk& chunk = chunks[p % chunks.size()];
    const float* targets = &head.targets[static_cast<std::size_t>(rows[p]) * (kHorizon + 2)];
    const std::vector<double> z(targets, targets + kHorizon);
    const QuantileHead& quantiles = head.members[static_cast<std::size_t>(chunk.member)];
    std::vector<float> draw(raw_size(quantiles));
    const double loss = pinball_loss_and_grad(quantiles, y.first(draw.size()), z, 1.0, draw);
    const double share = static_cast<double>(w) / weight_sum;
    for (std::size_t i = 0; i < draw.size(); ++i)
      dy[i] = static_cast<float>(share * static_cast<double>(draw[i]));
    if (!std::isnan(targets[kHorizon]))
      dy[draw.size()] = static_cast<float>(share * pool.range_weight *
                                           static_cast<double>(y[draw.size()] - targets[kHorizon]));
    return loss;
  }

  std::vector<double> gradients(cpu::Network& network, std::span<const float> params, const Dropout& dropout,
                                std::vector<float>& grads) const {
    std::vector<double> losses(chunks.size());
    const std::size_t outputs = network.layout().shape().outputs;
    const auto loss = [&](const cpu::TrainedRows& part) {
      std::fill(part.dy.begin(), part.dy.end(), 0.0f);
      for (std::size_t i = 0; i < part.y.size() / outputs; ++i) {
        const std::size_t b = part.first + i % part.count, p = i / part.count * chunks.size() + b;
        for (std::size_t head = 0; head < pool.heads.size() && rows[p] >= 0; ++head) {
          const std::size_t at = i * outputs + head * outputs_per_head();
          losses[b] += compare(head, p, part.y.subspan(at), part.dy.subspan(at));
        }
      }
    };
    grads.resize(network.layout().size());
    network.gradients(batch.view(), params, dropout, loss, grads);
    return losses;
  }
};

NetworkState start_of(const NetworkData& d) {
  const ParamLayout layout(d.shape);
  const std::vector<float> zeros(layout.size());
  return {random_values(layout.size(), 0.3, 5), {0, zeros, zeros}};
}

double relative_error(std::span<const float> a, std::span<const float> b) {
  double difference = 0.0, size = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - static_cast<double>(b[i]), 2);
    size += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / size);
}

class FleetTest : public testing::TestWithParam<Case> {};

struct Trained {
  NetworkState state;
  std::vector<float> gradients;
  std::vector<ChunkLoss> losses, validation;
};

Trained train_once(const Case& c, Device& device) {
  const PoolData pool = make_pool(c);
  const NetworkData data = make_network(c);
  const std::vector<Chunk> chunks = make_chunks(c, pool);
  Fleet fleet(device);
  EXPECT_TRUE(fleet.add_pool(pool).has_value());
  EXPECT_TRUE(fleet.add_network(data, start_of(data), start_of(data).params).has_value());
  EXPECT_TRUE(fleet.start().has_value());
  const std::vector<double> rates((chunks.size() + c.batch - 1) / c.batch, 0.01);
  fleet.set_validation(0, chunks);
  EXPECT_TRUE(fleet.validate().has_value());
  fleet.set_fit(0, chunks, rates, 77);
  EXPECT_TRUE(fleet.train().has_value());
  return {fleet.state(0), fleet.gradients(0), fleet.fit_losses(0), fleet.validation_losses(0)};
}

Trained train_once(const Case& c, Operands operands, const EmulatedLimits& limits = {}) {
  return train_once(c, *emulated_device(operands, limits));
}

// Steps of the CPU's engine over the same chunks.
Trained train_on_cpu(const Case& c) {
  const PoolData pool = make_pool(c);
  const NetworkData data = make_network(c);
  const std::vector<Chunk> chunks = make_chunks(c, pool);
  Trained out{start_of(data), {}, {}, {}};
  cpu::Network network(data.shape);
  const CpuStep all(c, pool, data, chunks);
  for (const double loss : all.gradients(network, out.state.params, {}, out.gradients))
    out.validation.push_back({loss, 0});
  Adam adam(out.state.adam, {.lr = 0.01, .weight_decay = data.weight_decay});
  std::uint64_t counter = 77;
  for (std::size_t i = 0; i < chunks.size(); i += c.batch) {
    const CpuStep step(c, pool, data, std::span(chunks).subspan(i, std::min(c.batch, chunks.size() - i)));
    const Dropout dropout{c.dropout, data.dropout_key, counter++};
    for (const double loss : step.gradients(network, out.state.params, dropout, out.gradients))
      out.losses.push_back({loss, 0});
    std::vector<float> clipped = out.gradients;
    clip_gradient(clipped, data.gradient_clip);
    adam.step(out.state.params, clipped, 0.01);
  }
  out.state.adam = adam.state();
  return out;
}

TEST_P(FleetTest, AgreesWithTheCpu) {
  const Trained cpu = train_on_cpu(GetParam());
  const Trained fleet = train_once(GetParam(), Operands::kExact);
  EXPECT_LT(relative_error(fleet.gradients, cpu.gradients), 2e-5);
  EXPECT_LT(relative_error(fleet.state.params, cpu.state.params), 2e-5);
  EXPECT_LT(relative_error(fleet.state.adam.mean, cpu.state.adam.mean), 2e-5);
  EXPECT_LT(relative_error(fleet.state.adam.square, cpu.state.adam.square), 4e-5);
  EXPECT_EQ(fleet.state.adam.steps, cpu.state.adam.steps);
  ASSERT_EQ(fleet.losses.size(), cpu.losses.size());
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    EXPECT_NEAR(fleet.losses[i].loss, cpu.losses[i].loss, 1e-5 * (1.0 + cpu.losses[i].loss)) << i;
    EXPECT_NEAR(fleet.validation[i].loss, cpu.validation[i].loss, 1e-5 * (1.0 + cpu.validation[i].loss)) << i;
  }
}

// Operands lose all but 11 digits: 2^-11 each, in random directions.
TEST_P(FleetTest, AgreesWithTheCpuWithinTheOperandsRounding) {
  const Trained cpu = train_on_cpu(GetParam());
  const Trained fleet = train_once(GetParam(), Operands::kTf32);
  EXPECT_LT(relative_error(fleet.gradients, cpu.gradients), 5e-3);
  EXPECT_GT(relative_error(fleet.gradients, cpu.gradients), 1e-5);
}

TEST_P(FleetTest, NothingDependsOnTheOrderOfThreads) {
  const Trained forwards = train_once(GetParam(), Operands::kTf32);
  const Trained backwards = train_once(GetParam(), Operands::kTf32, {.backwards = true});
  EXPECT_EQ(forwards.state.params, backwards.state.params);
}

// One block may take all tiles, or each a block of its own; less shared memory (compute capability 8.0)
// allows fewer.
TEST_P(FleetTest, HowManyTilesABlockTakesChangesNothing) {
  const Trained many = train_once(GetParam(), Operands::kTf32, {.multiprocessors = 100});
  const Trained one = train_once(GetParam(), Operands::kTf32, {.multiprocessors = 1});
  const Trained narrow =
      train_once(GetParam(), Operands::kTf32, {.shared_bytes = 99 * 1024, .multiprocessors = 1});
  EXPECT_EQ(many.state.params, one.state.params);
  EXPECT_EQ(many.state.params, narrow.state.params);
}

// The real device rounds operands as the emulated one does; exponentials and the order of additions differ in
// the last places, and now and then tip an operand to its other neighbour. That must change less than
// rounding them at all does.
TEST_P(FleetTest, AGpuGivesWhatItsEmulationGives) {
  auto gpu = open_gpu();
  if (!gpu) GTEST_SKIP() << gpu.error().message;
  const Trained emulated = train_once(GetParam(), Operands::kTf32);
  const Trained real = train_once(GetParam(), **gpu);
  const Trained exact = train_once(GetParam(), Operands::kExact);
  EXPECT_LT(relative_error(real.gradients, emulated.gradients),
            relative_error(emulated.gradients, exact.gradients));
  EXPECT_LT(relative_error(real.state.params, emulated.state.params), 1e-3);
  EXPECT_EQ(real.state.adam.steps, emulated.state.adam.steps);
  ASSERT_EQ(real.losses.size(), emulated.losses.size());
  for (std::size_t i = 0; i < real.losses.size(); ++i) {
    EXPECT_NEAR(real.losses[i].loss, emulated.losses[i].loss, 1e-3 * (1.0 + emulated.losses[i].loss)) << i;
    EXPECT_EQ(real.losses[i].pairs, emulated.losses[i].pairs);
  }
  EXPECT_EQ(train_once(GetParam(), **gpu).state.params, real.state.params) << "the same bytes again";
}

INSTANTIATE_TEST_SUITE_P(Shapes, FleetTest,
                         testing::Values(Case{"window", 64, 2, {42}, 6, 1, 5, 12, 0.3f},
                                         Case{"one_layer", 64, 1, {8}, 4, 3, 4, 4, 0.0f},
                                         Case{"sequence", 20, 2, {9}, 5, 7, 3, 7, 0.2f},
                                         Case{"widest", 64, 1, {80}, 3, 2, 2, 2, 0.0f},
                                         Case{"three_layers", 33, 3, {11}, 4, 4, 2, 2, 0.4f},
                                         Case{"two_branches", 24, 2, {7, 13}, 3, 9, 4, 6, 0.25f},
                                         Case{"two_tiles", 16, 2, {5}, 3, 2, 21, 21, 0.25f},
                                         Case{"five_tiles", 12, 1, {5}, 3, 1, 70, 75, 0.0f},
                                         Case{"two_slices", 10, 1, {5}, 13, 2, 70, 75, 0.0f}),
                         [](const auto& tested) { return tested.param.name; });

TEST(PhiloxTest, BlockIsTheLibrarys) {
  std::uint32_t block[4] = {1, 0xdeadbeef, 3, 0x80000000};
  const PhiloxBlock expected = philox(0x0123456789abcdefu, {1, 0xdeadbeef, 3, 0x80000000});
  philox_block(0x0123456789abcdefu, block);
  EXPECT_TRUE(std::equal(expected.begin(), expected.end(), block));
}

}  // namespace
}  // namespace mop::nn::cuda
