#pragma once

/// Before a function of plain loops over a block: compiled for AVX2 as well, and chosen at run time by the
/// processor. Only operations that IEEE 754 rounds (+ - * / sqrt, comparisons) stand in such loops, and none
/// are fused (-ffp-contract=off), so every processor gives the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define MOP_VECTORIZED __attribute__((target_clones("avx2", "default")))
#else
#define MOP_VECTORIZED
#endif
