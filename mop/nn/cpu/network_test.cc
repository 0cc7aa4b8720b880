// Every test runs on every instruction set of this machine; the double-precision reference is the oracle.
#include "mop/nn/cpu/network.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "hwy/targets.h"
#include "mop/nn/bf16.h"
#include "mop/nn/cpu/aligned_buffer.h"
#include "mop/nn/cpu/allocation_count.h"
#include "mop/nn/cpu/dropout.h"
#include "mop/nn/reference/lstm_reference.h"
#include "mop/nn/test_support.h"

namespace mop::nn::cpu {
namespace {

struct Case {
  NetShape shape;
  std::size_t batch, scored;
  std::vector<std::size_t> steps;
  float dropout;
};

NetShape single(std::size_t inputs, std::size_t hidden, std::size_t layers, std::size_t outputs) {
  return {{{"lstm", inputs}}, hidden, layers, outputs};
}

const std::vector<Case> kCases{
    {single(1, 8, 1, 1), 1, 1, {1}, 0.0f},
    {single(5, 8, 2, 4), 3, 1, {7}, 0.0f},
    {single(5, 20, 3, 10), 3, 5, {9}, 0.3f},
    {single(42, 64, 2, 70), 64, 1, {12}, 0.3f},
    {single(42, 64, 1, 7), 17, 3, {5}, 0.0f},
    {single(3, 1, 2, 2), 7, 2, {4}, 0.5f},
    {single(70, 33, 2, 17), 5, 4, {6}, 0.2f},
    {single(5, 100, 2, 65), 4, 2, {5}, 0.3f},
    {single(2, 8, 2, 3), 301, 2, {3}, 0.3f},
    {{{{"a", 5}, {"b", 3}}, 20, 2, 9}, 3, 4, {11, 4}, 0.3f},
    {{{{"a", 42}, {"b", 40}}, 64, 2, 80}, 6, 1, {8, 5}, 0.0f},
};

// Largest difference within the tensor, relative to the tensor's largest value.
double relative_error(std::span<const float> actual, std::span<const double> expected) {
  double error = 0.0, size = 0.0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    error = std::max(error, std::abs(static_cast<double>(actual[i]) - expected[i]));
    size = std::max(size, std::abs(expected[i]));
    if (std::isnan(actual[i])) return std::numeric_limits<double>::infinity();
  }
  return size == 0.0 ? error : error / size;
}

std::vector<double> widen(std::span<const float> v) {
  return {v.begin(), v.end()};
}

bool same_bytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// With recurrent weights that are bfloat16 values forecasts of few rows read those.
std::vector<float> random_params(const ParamLayout& layout, double scale, std::uint64_t seed, bool bf16) {
  std::vector<float> params = random_values(layout.size(), scale, seed);
  if (bf16) round_recurrent_weights(layout, params);
  return params;
}

class NetworkTest : public testing::TestWithParam<std::int64_t> {
 protected:
  void SetUp() override { choose(GetParam()); }
  void TearDown() override { choose(0); }

 private:
  static void choose(std::int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

// Float against double. One rounding is 6e-8; a value passes through some hundred of them one after the other
// (steps times layers) and errors of sums partly cancel. Measured: outputs 5e-7, gradients 1.1e-6 at most.
TEST_P(NetworkTest, MatchesTheReference) {
  for (const Case& at : kCases) {
    SCOPED_TRACE(testing::Message() << "B " << at.batch << " H " << at.shape.hidden << " L "
                                    << at.shape.layers << " branches " << at.shape.branches.size());
    Network network(at.shape);
    reference::LstmReference oracle(at.shape);
    const OwnedBatch owned = random_batch(at.shape, at.batch, at.scored, at.steps, 3);
    const SequenceBatch batch = owned.view();
    const auto params = random_values(network.layout().size(), 0.2, 4);
    const auto dy = random_values(at.scored * at.batch * at.shape.outputs, 1.0, 5);
    const Dropout dropout{at.dropout, 11, 12};

    const auto expected_y = oracle.forward(batch, widen(params), dropout);
    const auto expected = oracle.backward(batch, widen(params), widen(dy));
    const auto [y, grads] = training_step(network, batch, params, dy, dropout);
    ASSERT_EQ(y.size(), expected_y.size());
    EXPECT_LE(relative_error(y, expected_y), 2e-6);
    for (const Tensor& tensor : network.layout().tensors()) {
      EXPECT_LE(relative_error(std::span(grads).subspan(tensor.offset, tensor.size),
                               std::span(expected).subspan(tensor.offset, tensor.size)),
                4e-6)
          << tensor.name;
    }
  }
}

// Pre-activations of some hundreds drive gates to both ends: a cell multiplies what they are fractions of,
// and no such product may overflow. Their own rounding is some 3e-5, which gates between the ends pass on.
TEST_P(NetworkTest, GatesAtTheirEndsMatchTheReference) {
  const NetShape shape = single(5, 20, 1, 4);
  Network network(shape);
  reference::LstmReference oracle(shape);
  const OwnedBatch owned = random_batch(shape, 64, 1, {3}, 3);
  const auto params = random_values(network.layout().size(), 100.0, 4);
  const auto dy = random_values(64 * 4, 1.0, 5);
  const auto expected_y = oracle.forward(owned.view(), widen(params), {});
  const auto [y, grads] = training_step(network, owned.view(), params, dy);
  EXPECT_LE(relative_error(y, expected_y), 1e-4);
  for (const float gradient : grads)
    ASSERT_TRUE(std::isfinite(gradient));
}

TEST_P(NetworkTest, MatchesPyTorch) {
  for (const TorchCase& torch : torch_cases()) {
    Network network(torch.shape);
    const SequenceBatch batch = torch.batch.view();
    const std::vector<float> dy(torch.dy.begin(), torch.dy.end());
    const auto [y, grads] = training_step(network, batch, torch.params, dy);
    EXPECT_LE(relative_error(y, torch.y), 1e-5) << torch.name;
    EXPECT_LE(relative_error(grads, torch.grads), 1e-5) << torch.name;
  }
}

// What lets one prediction equal the same row of an evaluation: no bit depends on the rest of the batch.
TEST_P(NetworkTest, ASequenceGivesTheSameBitsAloneAndInAnyBatch) {
  for (const std::size_t batch_size : {2u, 5u, 37u, 64u, 131u}) {
    const NetShape shape{{{"a", 13}, {"b", 5}}, 20, 2, 11};
    Network network(shape), alone(shape);
    const OwnedBatch owned = random_batch(shape, batch_size, 3, {6, 4}, 7);
    for (const bool bf16 : {false, true}) {
      const auto params = random_params(network.layout(), 0.3, 4, bf16);
      const auto all = network.infer(owned.view(), params);
      for (std::size_t b = 0; b < batch_size; ++b) {
        const OwnedBatch one = owned.sequence(b);
        const auto y = alone.infer(one.view(), params);
        for (std::size_t s = 0; s < 3; ++s) {
          ASSERT_TRUE(same_bytes(all.subspan((s * batch_size + b) * 11, 11), y.subspan(s * 11, 11)))
              << "sequence " << b << " of " << batch_size << ", position " << s;
        }
      }
    }
  }
}

TEST_P(NetworkTest, InferenceEqualsTrainingWithoutDropoutBitForBit) {
  for (const Case& at : kCases) {
    Network training(at.shape), inference(at.shape);
    const OwnedBatch owned = random_batch(at.shape, at.batch, at.scored, at.steps, 3);
    const std::vector<float> dy(at.scored * at.batch * at.shape.outputs);
    for (const bool bf16 : {false, true}) {
      const auto params = random_params(training.layout(), 0.3, 4, bf16);
      EXPECT_TRUE(same_bytes(training_step(training, owned.view(), params, dy).y,
                             inference.infer(owned.view(), params)));
    }
  }
}

// Buffers keep what earlier batches left in them; nothing of it may reach a later result.
TEST_P(NetworkTest, EarlierBatchesLeaveNoTrace) {
  const NetShape shape = single(7, 20, 2, 5);
  Network used(shape), fresh(shape);
  const auto params = random_values(used.layout().size(), 0.3, 4);
  const OwnedBatch large = random_batch(shape, 50, 2, {9}, 1), small = random_batch(shape, 3, 1, {4}, 2);
  const auto dy = random_values(50 * 2 * 5, 1.0, 3);
  training_step(used, large.view(), params, dy, {0.5f, 1, 2});
  used.infer(large.view(), params);

  const auto small_dy = std::span(dy).first(15);
  const TrainingStep expected = training_step(fresh, small.view(), params, small_dy);
  const TrainingStep after = training_step(used, small.view(), params, small_dy);
  EXPECT_TRUE(same_bytes(after.y, expected.y));
  EXPECT_TRUE(same_bytes(after.grads, expected.grads));
}

TEST_P(NetworkTest, NaNInAWeightReachesTheOutput) {
  const NetShape shape = single(3, 8, 2, 2);
  Network network(shape);
  const OwnedBatch owned = random_batch(shape, 2, 1, {3}, 1);
  for (const char* name : {"lstm.weight_ih_l0", "lstm.bias_hh_l1", "head.weight"}) {
    auto params = random_values(network.layout().size(), 0.3, 4);
    params[network.layout().find(name).offset] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(network.infer(owned.view(), params)[0])) << name;
  }
}

TEST_P(NetworkTest, AStepAllocatesNothingOnceBuffersHaveGrown) {
  const NetShape shape{{{"a", 13}, {"b", 5}}, 20, 2, 11};
  Network network(shape);
  const auto params = random_values(network.layout().size(), 0.3, 4);
  const OwnedBatch owned = random_batch(shape, 9, 3, {6, 4}, 7);
  const SequenceBatch batch = owned.view();
  std::vector<float> grads(params.size());
  const auto step = [&] {
    network.gradients(
        batch, params, {0.3f, 1, 2},
        [](const TrainedRows& rows) { std::ranges::copy(rows.y, rows.dy.begin()); }, grads);
    network.infer(batch, params);
  };
  step();
  const std::size_t before = allocation_count();
  step();
  EXPECT_EQ(allocation_count(), before);
}

// Windows that start anywhere in 30 rows, all of them known to be shared.
struct OverlappingWindows {
  OverlappingWindows(const NetShape& shape, std::size_t count, std::vector<std::size_t> steps)
      : owned(random_batch(shape, count, 2, steps, 7)), row_of(steps.size()) {
    for (std::size_t b = 0; b < steps.size(); ++b) {
      const std::size_t inputs = shape.branches[b].inputs;
      const auto series = random_values(kDistinct * inputs, 1.0, b);
      for (std::size_t place = 0; place < steps[b] * count; ++place) {
        const std::size_t t = place / count, row = place % count * 5 % (kDistinct - steps[b] + 1) + t;
        row_of[b].push_back(static_cast<std::int32_t>(row));
        std::copy_n(&series[row * inputs], inputs, &owned.x[b][place * inputs]);
      }
    }
  }
  SequenceBatch shared() const {
    SequenceBatch batch = owned.view();
    for (std::size_t b = 0; b < row_of.size(); ++b) {
      batch.branches[b].row_of = row_of[b];
      batch.branches[b].distinct = kDistinct;
    }
    return batch;
  }

  static constexpr std::size_t kDistinct = 30;
  OwnedBatch owned;
  std::vector<std::vector<std::int32_t>> row_of;
};

TEST_P(NetworkTest, SharedRowsChangeNoBitOfTheOutputsAndOnlyTheRoundingOfGradients) {
  const NetShape two{{{"a", 13}, {"b", 5}}, 20, 2, 11};
  for (const NetShape& shape : {single(42, 64, 2, 11), single(5, 33, 1, 3), two}) {
    const OverlappingWindows windows(shape, 37, std::vector<std::size_t>(shape.branches.size(), 9));
    Network plain(shape), sharing(shape);
    const auto params = random_values(plain.layout().size(), 0.2, 4);
    const auto dy = random_values(2 * 37 * shape.outputs, 1.0, 5);
    const Dropout dropout{0.3f, 11, 12};
    const SequenceBatch separate = windows.owned.view(), shared = windows.shared();
    const auto alone = plain.infer(separate, params);  // of 22 windows, some in several places
    EXPECT_TRUE(same_bytes(sharing.infer(shared, params), alone));
    const auto [y, grads] = training_step(sharing, shared, params, dy, dropout);
    EXPECT_TRUE(same_bytes(y, training_step(plain, separate, params, dy, dropout).y));
    reference::LstmReference oracle(shape);
    oracle.forward(separate, widen(params), dropout);
    const auto expected = oracle.backward(separate, widen(params), widen(dy));
    for (const Tensor& tensor : plain.layout().tensors()) {
      EXPECT_LE(relative_error(std::span(grads).subspan(tensor.offset, tensor.size),
                               std::span(expected).subspan(tensor.offset, tensor.size)),
                4e-6)
          << tensor.name;
    }
  }
}

TEST_P(NetworkTest, VectorDropoutEqualsTheRuleBitForBit) {
  for (const std::size_t hidden : {1u, 8u, 20u, 64u, 100u}) {
    constexpr std::size_t kSteps = 3, kRows = 5, kFirst = 7;
    const std::size_t stride = padded(hidden), count = kSteps * kRows * stride;
    AlignedBuffer h, factors, dropped;
    std::fill_n(h.get(count), count, 2.0f);
    const Dropout dropout{0.3f, 0x123456789abcull, 0xfedcba987654ull};
    apply_dropout(
        {dropout, 1, 2, kFirst, kRows, kSteps, hidden, h.data(), factors.get(count), dropped.get(count)});
    std::vector<float> expected(hidden);
    for (std::size_t row = 0; row < kSteps * kRows; ++row) {
      dropout_factors(dropout, {1, 2, row / kRows, kFirst + row % kRows}, expected);
      EXPECT_TRUE(same_bytes({factors.data() + row * stride, hidden}, expected)) << hidden << " " << row;
      EXPECT_EQ(dropped.data()[row * stride], 2.0f * expected[0]);
    }
  }
}

// Sequences go through a few at a time: the loss sees each once, in order, and in the shape it is told.
TEST_P(NetworkTest, TheLossSeesEverySequenceOnce) {
  const NetShape shape = single(3, 8, 1, 2);
  Network network(shape);
  const auto params = random_values(network.layout().size(), 0.3, 4);
  for (const std::size_t batch : {1u, 11u, 12u, 13u, 50u}) {
    const OwnedBatch owned = random_batch(shape, batch, 3, {4}, 1);
    std::vector<float> grads(params.size());
    std::size_t next = 0;
    const auto loss = [&](const TrainedRows& rows) {
      EXPECT_EQ(rows.first, next);
      EXPECT_GT(rows.count, 0u);
      EXPECT_EQ(rows.y.size(), 3 * rows.count * 2);
      EXPECT_EQ(rows.dy.size(), rows.y.size());
      std::ranges::copy(rows.y, rows.dy.begin());
      next += rows.count;
    };
    network.gradients(owned.view(), params, {}, loss, grads);
    EXPECT_EQ(next, batch);
  }
}

std::vector<std::int64_t> targets() {
  const auto all = hwy::SupportedAndGeneratedTargets();
  return {all.begin(), all.end()};
}

INSTANTIATE_TEST_SUITE_P(Targets, NetworkTest, testing::ValuesIn(targets()),
                         [](const auto& at) { return std::string(hwy::TargetName(at.param)); });

}  // namespace
}  // namespace mop::nn::cpu
