// The most float multiply-adds one core does per second, measured: independent chains in registers.
#pragma once

namespace mop::bench {

/// GFLOP/s, a multiply-add counted as two, from one run of a few milliseconds on this thread's CPU clock.
double measure_fma_peak();

/// CPU seconds this thread has used: what a step costs, also when the machine is not idle.
double thread_seconds();

}  // namespace mop::bench
