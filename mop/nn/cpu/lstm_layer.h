// One LSTM layer over all steps. `rows` are the sequences of a batch; a "block" is as many units as a vector
// has lanes, kept with its four gates side by side, so that a product's tile holds all a cell needs.
//
//   states  h, c     (steps, rows, padded(H))
//   gates            per block (steps, rows, 4 gates, lanes), opaque outside lstm_layer.cc
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace mop::nn::cpu {

struct LayerParams {  // in PyTorch's layout; pointers into the flat vector of weights, or of gradients
  const float* weight_ih;
  const float* weight_hh;
  const float* bias_ih;
  const float* bias_hh;
};

struct LayerSize {
  std::size_t inputs, hidden, steps, rows;
};

/// Rows of x that stand in several places: x then is (count, inputs), each of them once.
struct SharedRows {
  const std::int32_t* row_of = nullptr;  // (steps, rows); null when every place has its own row
  std::size_t count = 0;
  float* products =
      nullptr;  // work space, gates_size({inputs, hidden, 1, count}): per block (count, 4 gates,
};              // lanes), the rows' products, or the gradients by them

struct LstmForwardArgs {
  LayerSize size;
  const float* packed;               // weights, from lstm_pack
  const float* x;                    // (steps, rows, inputs)
  std::size_t x_row;                 // floats from one row of x to the next
  std::size_t x_step;                // floats from one step of x to the next
  bool keep;                         // gates and c of every step, for the backward pass
  float* gates;                      // out; without keep work space, needed up to kFewRows rows only
  float* c;                          // out; without keep only (rows, padded(H)) is used
  float* h;                          // out
  std::span<const float> soon = {};  // what the next call reads: drawn into the cache meanwhile
  SharedRows shared = {};
  const float* h0 = nullptr;  // (rows, padded(H)) to go on from; null, both: zeros
  const float* c0 = nullptr;
};

/// Up to this many rows a tile of one step is not full, so the input product is made for all steps at once.
inline constexpr std::size_t kFewRows = 5;

struct LstmBackwardArgs {
  LayerSize size;
  LayerParams params;
  const float* x;  // as in the forward pass; (steps * rows) rows
  std::size_t x_row;
  const float* c;
  const float* h;
  float* gates;       // in: of the forward pass; out: gradients by the gates' inputs
  const float* dh;    // (steps, rows, padded(H)): gradient of what reads h outside this layer
  float* dc;          // work space (rows, padded(H))
  float* packed;      // work space, packed_size(size) floats
  float* dweight_ih;  // out, PyTorch's layout
  float* dweight_hh;
  float* dbias_ih;
  float* dbias_hh;
  float* dx;             // out (steps, rows, padded(inputs)); null to skip it
  const float* factors;  // dx is multiplied by these (same shape); null for none
  SharedRows shared = {};
};

/// Floats of `gates`, of the forward pass's `packed` and of the backward pass's.
std::size_t gates_size(const LayerSize& size);
std::size_t forward_packed_size(std::size_t inputs, std::size_t hidden);
std::size_t packed_size(const LayerSize& size);

/// Weights in the order the forward pass reads them on this machine's instruction set.
void lstm_pack(std::size_t inputs, std::size_t hidden, const LayerParams& params, float* packed);
void lstm_forward(const LstmForwardArgs& args);
void lstm_backward(const LstmBackwardArgs& args);

}  // namespace mop::nn::cpu
