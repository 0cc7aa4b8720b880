// Where a fleet's numbers lie in device memory: one allocation per pool and per network.
#pragma once
#include "mop/nn/cuda/fleet.h"
#include "mop/nn/cuda/views.h"

namespace mop::nn::cuda {

/// Hands out pieces of one allocation; without one it only counts.
class Pieces {
 public:
  explicit Pieces(char* memory = nullptr) : memory_(memory) {}

  template <class T>
  T* take(std::size_t count) {
    constexpr std::size_t kAlign = 256;
    T* piece = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + used_);
    used_ += (count * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    return piece;
  }
  std::size_t used() const { return used_; }

 private:
  char* memory_;
  std::size_t used_ = 0;
};

struct NetworkMemory {
  NetworkView view{};
  float* best = nullptr;
  std::size_t first_chunk = 0, most_chunks = 0;  // its part of the fleet's boards
};

NetworkMemory lay_out(const NetworkData& network, Pieces& pieces);

/// The same of a pool.
struct PoolMemory {
  PoolView view{};
  float* rows[kMaxBranches] = {};
  std::int32_t *history[kMaxBranches] = {}, *joined = nullptr;
  float *targets[kMaxBranches] = {}, *base[kMaxBranches] = {};
  PoolView* own = nullptr;  // the view itself, on the device
};

PoolMemory lay_out(const PoolSize& size, Pieces& pieces);

/// What goes to the device before a pass over all networks' chunks, and what comes back: one transfer each
/// way, however many networks there are.
struct Board {
  ChunkView* chunks = nullptr;  // on the device
  double *rates = nullptr, *loss = nullptr;
  std::int32_t* pairs = nullptr;
  std::vector<ChunkView> host_chunks;
  std::vector<double> host_rates, host_loss;
  std::vector<std::int32_t> host_pairs;
};
Board lay_out_board(std::size_t chunks, Pieces& pieces);

/// Floats from one row of a table to the next on the device: a whole number of operands.
std::size_t stride_of(std::size_t inputs);

inline int to_int(std::size_t n) {
  return static_cast<int>(n);
}

}  // namespace mop::nn::cuda
