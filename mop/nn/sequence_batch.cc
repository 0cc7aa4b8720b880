#include "mop/nn/sequence_batch.h"

#include <algorithm>

#include "mop/base/check.h"
#include "mop/base/rng.h"

namespace mop::nn {

void check_batch(const NetShape& shape, const SequenceBatch& batch) {
  MOP_CHECK(batch.batch > 0) << "empty batch";
  MOP_CHECK(batch.branches.size() == shape.branches.size()) << batch.branches.size() << " branches";
  for (std::size_t i = 0; i < shape.branches.size(); ++i) {
    const SequenceBatch::Branch& branch = batch.branches[i];
    MOP_CHECK(branch.steps > 0) << "branch " << i << " has no steps";
    MOP_CHECK(branch.x.size() == branch.steps * batch.batch * shape.branches[i].inputs)
        << "branch " << i << ": x has " << branch.x.size() << " values for " << branch.steps << " steps of "
        << batch.batch << " sequences of " << shape.branches[i].inputs << " inputs";
    MOP_CHECK(branch.read_step.size() == batch.scored * batch.batch)
        << "branch " << i << ": read_step has " << branch.read_step.size() << " entries";
    const auto in_range = [&](std::int32_t step) {
      return step >= 0 && static_cast<std::size_t>(step) < branch.steps;
    };
    MOP_CHECK(std::ranges::all_of(branch.read_step, in_range)) << "branch " << i << " reads a step outside";
    const auto is_row = [&](std::int32_t row) {
      return row >= 0 && static_cast<std::size_t>(row) < branch.distinct;
    };
    MOP_CHECK(branch.row_of.empty() || branch.row_of.size() == branch.steps * batch.batch)
        << "branch " << i << ": row_of has " << branch.row_of.size() << " entries";
    MOP_CHECK(std::ranges::all_of(branch.row_of, is_row)) << "branch " << i << " numbers a row outside";
  }
}

std::uint32_t dropout_threshold(const Dropout& dropout) {
  return static_cast<std::uint32_t>(static_cast<double>(dropout.rate) * 0x1.0p32);
}

float dropout_kept_factor(const Dropout& dropout) {
  return 1.0f / (1.0f - dropout.rate);
}

void check_dropout(const Dropout& dropout, const DropoutSite& last_site, std::size_t units) {
  MOP_CHECK(dropout.rate >= 0.0f && dropout.rate < 1.0f) << "dropout rate " << dropout.rate;
  MOP_CHECK(last_site.branch < 256 && last_site.layer < 256 && units <= 262144) << units << " units";
  MOP_CHECK(last_site.step < 65536 && last_site.sequence < 65536)
      << "dropout counts steps and sequences up to 65536, was asked for step " << last_site.step
      << " of sequence " << last_site.sequence;
}

void dropout_factors(const Dropout& dropout, const DropoutSite& site, std::span<float> out) {
  check_dropout(dropout, site, out.size());
  const std::uint32_t threshold = dropout_threshold(dropout);
  const float kept = dropout_kept_factor(dropout);
  const auto where = static_cast<std::uint32_t>(site.branch << 16 | site.layer << 24);
  const auto when = static_cast<std::uint32_t>(site.step | site.sequence << 16);
  for (std::size_t j = 0; j < out.size(); j += 4) {
    const PhiloxBlock block = philox(dropout.key, {static_cast<std::uint32_t>(j / 4) | where, when,
                                                   static_cast<std::uint32_t>(dropout.counter),
                                                   static_cast<std::uint32_t>(dropout.counter >> 32)});
    for (std::size_t w = 0; w < 4 && j + w < out.size(); ++w) {
      out[j + w] = block[w] < threshold ? 0.0f : kept;
    }
  }
}

}  // namespace mop::nn
