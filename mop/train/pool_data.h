// A pool as a device reads it: all members' rows and targets one behind the other.
#pragma once
#include "mop/nn/cuda/fleet.h"
#include "mop/train/preparation.h"

namespace mop::train {

/// Scaled rows, and per row what the objective (targets.h) compares a network's outputs with. Rows before a
/// member's validation block have only targets that close before the pool's limit.
nn::cuda::PoolData pool_data(const Pool& pool);
/// Its size, without making it.
nn::cuda::PoolSize pool_size(const Pool& pool);

/// The pool's networks as a device trains them. `place` is the pool's among the fleet's.
nn::cuda::NetworkData network_data(const Pool& pool, std::size_t number, std::size_t place);

/// Members' chunks by the rows of pool_data().
class ChunkRows {
 public:
  explicit ChunkRows(const Pool& pool);
  std::vector<nn::cuda::Chunk> of(std::span<const MemberChunk> chunks) const;

 private:
  std::vector<std::int32_t> first_rows_;  // of each member
};

}  // namespace mop::train
