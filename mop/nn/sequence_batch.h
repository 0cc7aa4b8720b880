// What goes through a network at once: borrowed views, the caller keeps the memory.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "mop/nn/shapes.h"

namespace mop::nn {

/// B sequences with S scored positions each. The network's output y is (S, B, outputs).
/// A window is S = 1 with read_step = T - 1; a chunk of a series scores many steps, and steps that only warm
/// the state up are simply not read.
struct SequenceBatch {
  struct Branch {
    std::size_t steps;                        // T, may differ between branches
    std::span<const float> x;                 // (T, B, I), time-major
    std::span<const std::int32_t> read_step;  // (S, B): the step, 0..T-1, whose top hidden state the head
                                              // reads for scored position s of sequence b
    // Overlapping windows: places with the same number 0..distinct-1 hold the same row of x, so what depends
    // on the row alone need be computed once. Empty when nothing is known to be shared.
    std::span<const std::int32_t> row_of = {};  // (T, B)
    std::size_t distinct = 0;
  };
  std::size_t batch;             // B
  std::size_t scored;            // S
  std::vector<Branch> branches;  // as many, and in the same order, as NetShape::branches
};

/// Ends the program when the batch does not fit the shape: sizes of x and read_step, steps out of range.
void check_batch(const NetShape& shape, const SequenceBatch& batch);

/// Dropout between LSTM layers, never behind the last: inverted, so kept units are scaled by 1 / (1 - rate).
struct Dropout {
  float rate = 0.0f;          // 0 = off, < 1
  std::uint64_t key = 0;      // of the model, e.g. its seed
  std::uint64_t counter = 0;  // of the training step
};

/// Where a unit is: the network drops hidden unit `unit` of layer `layer` at step `step` of sequence
/// `sequence` (its place in the batch) on its way to the next layer.
struct DropoutSite {
  std::size_t branch, layer;   // each < 256
  std::size_t step, sequence;  // each < 65536
};

/// Factors of units 0..out.size()-1 at a site: 0 or 1 / (1 - rate). A function of the arguments alone, so
/// every device drops the same units: unit j is dropped when word j % 4 of
///   philox(key, {j / 4 | branch << 16 | layer << 24, step | sequence << 16, counter low, counter high})
/// is below rate * 2^32. REQUIRES: out.size() <= 262144.
void dropout_factors(const Dropout& dropout, const DropoutSite& site, std::span<float> out);

/// The parts of that rule, for devices that bring their own loop: words below the threshold drop the unit,
/// kept units get the factor, and check_dropout ends the program when a number is out of range.
std::uint32_t dropout_threshold(const Dropout& dropout);
float dropout_kept_factor(const Dropout& dropout);
void check_dropout(const Dropout& dropout, const DropoutSite& last_site, std::size_t units);

}  // namespace mop::nn
