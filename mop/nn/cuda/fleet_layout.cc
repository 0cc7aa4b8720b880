#include "mop/nn/cuda/fleet_layout.h"

#include <algorithm>

#include "mop/nn/cuda/tile-inl.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn::cuda {
namespace {

std::size_t padded_rows(const NetworkData& d) {
  return (d.batch + kTileRows - 1) / kTileRows * kTileRows;
}

LayerView lay_out_layer(const NetworkData& d, std::size_t branch, std::size_t layer, Pieces& pieces) {
  const std::size_t rows = d.steps[branch] * padded_rows(d), cells = rows / kTileRows * kThreads;
  const LayerOffsets at = ParamLayout(d.shape).layer(branch, layer);
  LayerView v{};
  v.inputs = to_int(at.inputs);
  v.weight_ih = to_int(at.weight_ih);
  v.weight_hh = to_int(at.weight_hh);
  v.bias_ih = to_int(at.bias_ih);
  v.bias_hh = to_int(at.bias_hh);
  v.gates = pieces.take<Quad>(4 * cells);
  v.cells = pieces.take<Quad>(cells);
  v.hidden = pieces.take<float>(rows * kUnits);
  const bool drops = d.dropout > 0.0f && layer + 1 < d.shape.layers;
  v.dropped = drops ? pieces.take<float>(rows * kUnits) : nullptr;
  v.dgates = pieces.take<float>(rows * kGates);
  return v;
}

BranchView lay_out_branch(const NetworkData& d, std::size_t branch, Pieces& pieces) {
  const std::size_t rows = padded_rows(d);
  BranchView v{};
  v.steps = to_int(d.steps[branch]);
  for (std::size_t l = 0; l < d.shape.layers; ++l)
    v.layers[l] = lay_out_layer(d, branch, l, pieces);
  v.above = pieces.take<Quad>(d.steps[branch] * rows / kTileRows * kThreads);
  v.first_row = pieces.take<std::int32_t>(rows);
  v.read_step = pieces.take<std::int32_t>(d.scored * rows);
  v.read_by = pieces.take<Span>(d.steps[branch] * rows);
  return v;
}

void lay_out_weights(const NetworkData& d, Pieces& pieces, NetworkMemory& m) {
  const ParamLayout layout(d.shape);
  NetworkView& v = m.view;
  v.head_weight = to_int(layout.head_weight());
  v.head_bias = to_int(layout.head_bias());
  v.parameter_count = to_int(layout.size());
  for (float** piece : {&v.params, &v.grads, &v.mean, &v.square, &m.best})
    *piece = pieces.take<float>(layout.size());
}

}  // namespace

std::size_t stride_of(std::size_t inputs) {
  return static_cast<std::size_t>(width_of(to_int(inputs)));
}

NetworkMemory lay_out(const NetworkData& d, Pieces& pieces) {
  NetworkMemory m;
  NetworkView& v = m.view;
  const std::size_t rows = padded_rows(d), scored_rows = d.scored * rows;
  v.branch_count = to_int(d.shape.branches.size());
  v.layer_count = to_int(d.shape.layers);
  v.hidden = to_int(d.shape.hidden);
  v.output_count = to_int(d.shape.outputs);
  v.scored = to_int(d.scored);
  v.lookback = to_int(d.lookback);
  v.batch_rows = to_int(rows);
  lay_out_weights(d, pieces, m);
  for (std::size_t b = 0; b < d.shape.branches.size(); ++b)
    v.branches[b] = lay_out_branch(d, b, pieces);
  int slices = 0;
  for (int b = 0; b < v.branch_count; ++b)
    slices = std::max(slices, slices_of(v, b));
  v.slices = pieces.take<float>(static_cast<std::size_t>(slices * v.parameter_count));
  v.fit.batch = to_int(d.batch);
  v.validation.batch = to_int(rows);
  m.most_chunks = d.most_chunks;
  v.dread = pieces.take<float>(scored_rows * d.shape.branches.size() * kUnits);
  v.dy = pieces.take<float>(scored_rows * d.shape.outputs);
  v.row_loss = pieces.take<float>(scored_rows);
  v.target_row = pieces.take<std::int32_t>(scored_rows);
  v.weight_sum = pieces.take<double>(1);
  v.pair_count = pieces.take<std::int32_t>(1);
  v.square_sums = pieces.take<double>(kUpdateParts);
  v.updates = pieces.take<std::uint64_t>(1);
  v.diverged = pieces.take<std::int32_t>(1);
  v.weight_decay = d.weight_decay;
  v.gradient_clip = d.gradient_clip;
  const Dropout dropout{d.dropout, d.dropout_key, 0};
  v.dropout_key = d.dropout_key;
  v.dropout_threshold = dropout_threshold(dropout);
  v.dropout_kept = d.dropout > 0.0f ? dropout_kept_factor(dropout) : 0.0f;
  return m;
}

PoolMemory lay_out(const PoolSize& size, Pieces& pieces) {
  PoolMemory m;
  m.own = pieces.take<PoolView>(1);
  int offset = 0;
  for (std::size_t b = 0; b < size.branches.size(); ++b) {
    const auto& [rows, inputs, horizon, levels] = size.branches[b];
    m.rows[b] = pieces.take<float>(rows * stride_of(inputs));
    m.history[b] = pieces.take<std::int32_t>(rows);
    m.view.tables[b] = {m.rows[b], to_int(rows), to_int(inputs), to_int(stride_of(inputs)), m.history[b]};
    m.targets[b] = pieces.take<float>(size.branches[0].rows * (horizon + 2));
    m.base[b] = pieces.take<float>(size.members * horizon * levels);
    m.view.heads[b] = {m.targets[b], m.base[b], to_int(horizon), to_int(levels), 0, offset};
    offset += to_int(horizon * (levels + 1)) + 1;  // and the log-range
  }
  m.view.joined = m.joined = pieces.take<std::int32_t>(size.branches.size() > 1 ? size.branches[0].rows : 0);
  return m;
}

Board lay_out_board(std::size_t chunks, Pieces& pieces) {
  Board board;
  board.chunks = pieces.take<ChunkView>(chunks);
  board.rates = pieces.take<double>(chunks);
  board.loss = pieces.take<double>(chunks);
  board.pairs = pieces.take<std::int32_t>(chunks);
  return board;
}

PoolSize size_of(const PoolData& pool) {
  PoolSize size;
  for (std::size_t b = 0; b < pool.tables.size(); ++b) {
    const QuantileHead& head = pool.heads[b].members.front();
    size.branches.push_back(
        {pool.tables[b].history.size(), pool.tables[b].inputs, head.horizon, head.levels.size()});
  }
  size.members = pool.heads[0].members.size();
  return size;
}

}  // namespace mop::nn::cuda
