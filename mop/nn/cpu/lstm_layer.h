// One LSTM layer over all steps. `rows` are the sequences taken at a time; a "block" is as many units as a
// vector has lanes, kept with its four gates side by side, so that a product's tile holds all a cell needs.
//
//   states    h, c   (steps, rows, padded(H))
//   gates            per block (steps, rows, 4 gates, lanes), opaque outside these functions
//   products         per block (count, 4 gates, lanes): of shared rows, the same order
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>

namespace mop::nn::cpu {

struct LayerParams {  // in PyTorch's layout; pointers into the flat vector of weights
  const float* weight_ih;
  const float* weight_hh;
  const float* bias_ih;
  const float* bias_hh;
};

struct LayerGradients {  // the same of its gradients
  float* weight_ih;
  float* weight_hh;
  float* bias_ih;
  float* bias_hh;
};

/// A layer's weights in the order the forward pass reads them, from lstm_pack and lstm_pack_bf16.
struct PackedWeights {
  const float* inputs;     // biases and weights of the inputs
  const float* recurrent;  // weights of the state
  const float* bf16;       // those again, two to a word; null unless all of them are bfloat16 values
};

struct LayerSize {
  std::size_t inputs, hidden, steps, rows;
};

/// Rows of x that stand in several places, so that what depends on the row alone is computed once.
struct SharedRows {
  const std::int32_t* row_of = nullptr;  // (steps, rows) -> 0..count-1; null when every place has its own row
  std::size_t count = 0;
  const float* products = nullptr;  // from lstm_project
};

struct LstmForwardArgs {
  LayerSize size;
  PackedWeights weights;
  const float* x;                    // (steps, rows, inputs), not read of shared rows
  std::size_t x_row;                 // floats from one row of x to the next
  std::size_t x_step;                // floats from one step of x to the next
  bool keep;                         // gates and c of every step, for the backward pass
  float* gates;                      // out; without keep work space, needed up to kFewRows rows only
  float* c;                          // out; without keep only (rows, padded(H)) is used
  float* h;                          // out
  std::span<const float> soon = {};  // what the next call reads: drawn into the cache meanwhile
  SharedRows shared = {};            // REQUIRES: none up to kFewRows rows without keep
  const float* h0 = nullptr;         // (rows, padded(H)) to go on from; null, both: zeros
  const float* c0 = nullptr;
};

/// Up to this many rows a tile of one step is not full, so without keep the input product is made for all
/// steps at once.
inline constexpr std::size_t kFewRows = 5;

struct LstmBackwardArgs {
  LayerSize size;
  const float* packed;  // weights, from lstm_pack_backward
  const float* x;       // (steps * rows) rows, not read of shared rows
  std::size_t x_row;
  const float* c;  // of the forward pass
  const float* h;
  float* gates;          // in: of the forward pass; out: gradients by the gates' inputs
  const float* dh;       // (steps, rows, padded(H)): gradient of what reads h outside this layer
  float* dc;             // work space (rows, padded(H))
  float* products;       // work space (rows, kWidestPanel)
  float* sums;           // weight gradients are added to these, gradient_sums_size floats
  float* dx;             // out (steps, rows, padded(inputs)); null to skip it
  const float* factors;  // dx is multiplied by these (same shape); null for none
  // Of shared rows: their numbers (steps, rows), how many there are, and where, instead of `sums`, the
  // gradients of their products are added, products_size(shared_count, H) floats.
  const std::int32_t* shared_row_of = nullptr;
  std::size_t shared_count = 0;
  float* shared_sums = nullptr;
};

/// Columns of the widest panel of any instruction set.
inline constexpr std::size_t kWidestPanel = 64;

/// Floats of each kind of memory.
std::size_t gates_size(const LayerSize& size);
std::size_t products_size(std::size_t count, std::size_t hidden);
std::size_t inputs_packed_size(std::size_t inputs, std::size_t hidden);
std::size_t recurrent_packed_size(std::size_t hidden);
std::size_t bf16_packed_size(std::size_t hidden);
std::size_t backward_packed_size(std::size_t inputs, std::size_t hidden);
std::size_t gradient_sums_size(std::size_t inputs, std::size_t hidden);

/// Weights in the order the forward pass reads them on this machine's instruction set.
void lstm_pack(std::size_t inputs, std::size_t hidden, const LayerParams& params, float* packed_inputs,
               float* packed_recurrent);
/// REQUIRES: all of weight_hh (4H, H) are bfloat16 values (param_layout.h).
void lstm_pack_bf16(std::size_t hidden, const float* weight_hh, float* packed);
/// And the backward pass; `input_gradient`: it will be asked for dx.
void lstm_pack_backward(std::size_t inputs, std::size_t hidden, const LayerParams& params,
                        bool input_gradient, float* packed);

/// Biases and input products of `count` rows of x.
void lstm_project(std::size_t inputs, std::size_t hidden, const float* packed_inputs, const float* x,
                  std::size_t count, float* products);
void lstm_forward(const LstmForwardArgs& args);
void lstm_backward(const LstmBackwardArgs& args);

/// Adds to `sums` what the shared rows x (count, inputs) contribute: once, after the backward passes.
void lstm_add_shared(std::size_t inputs, std::size_t hidden, const float* x, std::size_t count,
                     const float* shared_sums, float* sums);
/// Sums in PyTorch's layout.
void lstm_unpack_gradients(std::size_t inputs, std::size_t hidden, const float* sums,
                           const LayerGradients& gradients);

}  // namespace mop::nn::cpu
