// Runs on the best instruction set of this machine; network_test.cc runs the same code on all of them.
#include "mop/nn/cpu/inference.h"

#include <algorithm>
#include <cstring>

#include <gtest/gtest.h>

#include "mop/nn/bf16.h"
#include "mop/nn/cpu/allocation_count.h"
#include "mop/nn/cpu/network.h"
#include "mop/nn/test_support.h"

namespace mop::nn::cpu {
namespace {

// A small fleet: different inputs, units, layers and branches behind one Inference.
const std::vector<NetShape> kShapes{
    {{{"lstm", 42}}, 64, 2, 11}, {{{"lstm", 7}}, 20, 1, 70}, {{{"a", 5}, {"b", 3}}, 33, 3, 22}};

// Every other model's recurrent weights are bfloat16 values, as a training leaves them.
std::vector<float> random_params(const NetShape& shape, std::uint64_t seed) {
  const ParamLayout layout(shape);
  std::vector<float> params = random_values(layout.size(), 0.3, seed);
  if (seed % 2 == 0) round_recurrent_weights(layout, params);
  return params;
}

struct Model {
  Model(const NetShape& shape, std::size_t windows, std::uint64_t seed)
      : params(random_params(shape, seed)),
        weights(shape, params),
        owned(random_batch(shape, windows, 1, std::vector<std::size_t>(shape.branches.size(), 9), seed)),
        batch(owned.view()),
        y(windows * shape.outputs) {}

  std::vector<float> params;
  PreparedWeights weights;
  OwnedBatch owned;
  SequenceBatch batch;
  std::vector<float> y;
};

bool same_bytes(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST(InferenceTest, AllModelsInOneCallGiveTheBytesEachGivesAlone) {
  std::vector<Model> models;
  for (std::size_t i = 0; i < 9; ++i)
    models.emplace_back(kShapes[i % 3], 1 + i, i);
  std::vector<InferenceJob> jobs;
  for (Model& model : models)
    jobs.push_back({&model.weights, &model.batch, model.y});
  Inference().run_all(jobs);
  for (const Model& model : models) {
    Network network(model.weights.shape());
    EXPECT_TRUE(same_bytes(model.y, network.infer(model.owned.view(), model.params)));
  }
}

TEST(InferenceTest, UpdatedWeightsAreThoseOfTheNewParameters) {
  Model old(kShapes[0], 2, 1);
  const Model fresh(kShapes[0], 2, 2);
  old.weights.update(fresh.params);
  Inference a, b;
  EXPECT_TRUE(same_bytes(a.run(old.weights, fresh.batch), b.run(fresh.weights, fresh.batch)));
}

TEST(InferenceTest, AForecastAllocatesNothingAfterTheFirst) {
  const Model model(kShapes[0], 1, 1);
  Inference inference;
  inference.run(model.weights, model.batch);
  const std::size_t before = allocation_count();
  inference.run(model.weights, model.batch);
  EXPECT_EQ(allocation_count(), before);
}

// One sequence after the other and all together; one step at a time, in two parts, at once.
TEST(InferenceTest, StepsTakenInPartsGiveTheBytesOfAWholeWindow) {
  for (const NetShape& shape : kShapes) {
    for (const std::size_t B : {std::size_t{1}, std::size_t{4}, std::size_t{7}, std::size_t{30}}) {
      const Model model(shape, B, B);
      Inference inference;
      const auto whole = inference.run(model.weights, model.batch);
      const std::vector<float> expected(whole.begin(), whole.end());
      for (const std::size_t first_part : {std::size_t{9}, std::size_t{8}, std::size_t{1}}) {
        std::vector<std::vector<float>> states;
        std::vector<const float*> pointers;
        for (std::size_t b = 0; b < shape.branches.size(); ++b) {
          const auto x = model.batch.branches[b].x;
          std::vector<float>& state = states.emplace_back(B * state_size(shape));
          inference.advance(model.weights, {b, first_part, B, x.data()}, state.data());
          for (std::size_t t = first_part; t < 9; ++t)
            inference.advance(model.weights,
                              {b, 1, B, x.data() + t * B * shape.branches[b].inputs, state.data()},
                              state.data());
          pointers.push_back(state.data());
        }
        EXPECT_TRUE(same_bytes(inference.finish(model.weights, pointers, B), expected))
            << B << " " << first_part;
      }
    }
  }
}

TEST(InferenceTest, WeightsThatWereNeverSetAreABug) {
  const PreparedWeights weights(kShapes[0]);
  const Model model(kShapes[0], 1, 1);
  Inference inference;
  EXPECT_DEATH(inference.run(weights, model.batch), "never set");
}

}  // namespace
}  // namespace mop::nn::cpu
