// What one core can do at the moment, measured.
#pragma once
#include <cstddef>

namespace mop::bench {

/// GFLOP/s, a multiply-add counted as two, from one run of a few milliseconds on this thread's CPU clock: of
/// independent chains in registers, which read nothing.
double measure_register_peak();

/// A matrix product as a training step has them: (kM, kK) times (kK, kN).
inline constexpr std::size_t kM = 64, kK = 128, kN = 256;

/// The same of such products, by a plain kernel of 8 x 2 vectors in registers (6 x 2 where there are 16
/// registers): what a core gives that has to read its operands from the first cache.
double measure_product_peak();

/// How much faster the core gets through chains of dependent multiplications, none of which needs another,
/// than one after the other: a run of some microseconds. A stranger on the core's other half takes half of
/// the window that this needs, a third of the figure, and no clock of this thread shows it.
double measure_overlap();

/// CPU seconds this thread has used: what a step costs, also when the machine is not idle.
double thread_seconds();

}  // namespace mop::bench
