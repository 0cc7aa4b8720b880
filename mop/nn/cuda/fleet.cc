#include "mop/nn/cuda/fleet.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/nn/cuda/kernels-inl.h"
#include "mop/nn/param_layout.h"
#include "mop/nn/sequence_batch.h"

namespace mop::nn::cuda {
namespace {

// Hands out pieces of one allocation; without one it only counts.
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

int to_int(std::size_t n) {
  return static_cast<int>(n);
}

std::size_t padded_rows(const NetworkData& d) {
  return (d.batch + kTileRows - 1) / kTileRows * kTileRows;
}

std::size_t stride_of(std::size_t inputs) {
  return (inputs + kColumnsAtOnce - 1) / kColumnsAtOnce * kColumnsAtOnce;
}

// What of a network's memory its host side writes to.
struct NetworkMemory {
  NetworkView view{};
  ChunkView *fit_chunks = nullptr, *validation_chunks = nullptr;
  double* rates = nullptr;
  float* best = nullptr;
};

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
  v.read_by = pieces.take<std::int32_t>(d.steps[branch] * rows);
  return v;
}

PassView lay_out_pass(const NetworkData& d, std::size_t batch, Pieces& pieces) {
  PassView v{};
  v.batch = to_int(batch);
  v.loss = pieces.take<double>(d.most_chunks);
  v.pairs = pieces.take<std::int32_t>(d.most_chunks);
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
  v.fit = lay_out_pass(d, d.batch, pieces);
  v.validation = lay_out_pass(d, rows, pieces);
  v.fit.chunks = m.fit_chunks = pieces.take<ChunkView>(d.most_chunks);
  v.validation.chunks = m.validation_chunks = pieces.take<ChunkView>(d.most_chunks);
  v.rates = m.rates = pieces.take<double>(d.most_chunks);
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

struct PoolMemory {
  PoolView view{};
  float* rows[kMaxBranches] = {};
  std::int32_t *history[kMaxBranches] = {}, *joined = nullptr;
  float *targets[kMaxBranches] = {}, *base[kMaxBranches] = {};
  PoolView* own = nullptr;  // the view itself, on the device
};

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

// Per step the median's base quantile and the gaps, so that narrow gaps keep their digits.
std::vector<float> base_and_gaps(const PoolData::Head& head) {
  std::vector<float> out;
  for (const QuantileHead& member : head.members) {
    const std::size_t K = member.levels.size(), median = member.median_index();
    for (std::size_t h = 0; h < member.horizon; ++h) {
      const auto base = std::span(member.base).subspan(h * K, K);
      out.push_back(static_cast<float>(base[median]));
      for (std::size_t k = 0; k + 1 < K; ++k)
        out.push_back(static_cast<float>(base[k + 1] - base[k]));
    }
  }
  return out;
}

Error too_large(const char* what, std::size_t most, std::size_t actual) {
  return {ErrorCode::kUnsupported,
          fmt::format("training on a GPU takes at most {} {}, this network has {}; use "
                      "--device cpu",
                      most, what, actual)};
}

}  // namespace

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

struct Fleet::Impl {
  explicit Impl(Device& d) : device(d) {}

  Device& device;
  std::vector<void*> allocations;
  std::vector<PoolMemory> pools;
  std::vector<NetworkMemory> networks;
  NetworkView* views = nullptr;  // on the device
  std::size_t views_room = 0;

  Result<char*> allocate(std::size_t bytes) {
    MOP_TRY_ASSIGN(void* memory, device.allocate(bytes));
    allocations.push_back(memory);
    return static_cast<char*>(memory);
  }
  template <class T>
  void upload(T* to, std::span<const T> from) {
    if (!from.empty()) device.upload(to, from.data(), from.size_bytes());
  }
  template <class T>
  std::vector<T> download(const T* from, std::size_t count) const {
    std::vector<T> values(count);
    if (count > 0) device.download(values.data(), from, count * sizeof(T));
    return values;
  }

  void upload_rows(const PoolData::Table& table, float* to) {
    const std::size_t stride = stride_of(table.inputs), n = table.history.size();
    constexpr std::size_t kRowsAtOnce = 65536;
    std::vector<float> part;
    for (std::size_t first = 0; first < n; first += kRowsAtOnce) {
      const std::size_t count = std::min(kRowsAtOnce, n - first);
      part.assign(count * stride, 0.0f);
      for (std::size_t r = 0; r < count; ++r) {
        for (std::size_t i = 0; i < table.inputs; ++i)
          part[r * stride + i] = device.operand(table.rows[(first + r) * table.inputs + i]);
      }
      device.upload(to + first * stride, part.data(), part.size() * sizeof(float));
    }
  }

  Result<void> reserve_views(std::size_t count) {
    if (count <= views_room) return {};
    views_room = std::max<std::size_t>(2 * count, 16);
    MOP_TRY_ASSIGN(char* memory, allocate(views_room * sizeof(NetworkView)));
    views = reinterpret_cast<NetworkView*>(memory);
    return {};
  }

  // As few tiles per block as leave no multiprocessor idle, and no more than shared memory holds.
  int tiles_per_block() const {
    int tiles = 1;
    for (; tiles < kMaxTiles; ++tiles) {
      int blocks = 0;
      for (const NetworkMemory& n : networks)
        blocks += time_parts(n.view, tiles);
      if (blocks <= device.info().multiprocessors) break;
    }
    StepArgs args{};
    for (args.tiles = tiles; args.tiles > 1; --args.tiles) {
      const int bytes = std::max(LstmForward::shared_bytes(args), LstmBackward::shared_bytes(args));
      if (static_cast<std::size_t>(bytes) <= device.info().shared_bytes) break;
    }
    return args.tiles;
  }

  Result<void> run(bool training) {
    std::vector<NetworkView> all;
    int steps = 0;
    for (const NetworkMemory& n : networks) {
      all.push_back(n.view);
      steps = std::max(steps, pass_of(n.view, training).steps());
    }
    upload(views, std::span<const NetworkView>(all));
    StepArgs args{views, 0, 1, tiles_per_block(), training};
    for (; args.step < steps; ++args.step) {
      for (const Kernel kernel : {Kernel::kTakeStep, Kernel::kForward, Kernel::kHeadLoss, Kernel::kBackward,
                                  Kernel::kWeightGradients, Kernel::kFinishLoss, Kernel::kUpdate}) {
        const bool always = kernel <= Kernel::kHeadLoss || kernel == Kernel::kFinishLoss;
        if (training || always) launch(kernel, args);
      }
    }
    return device.wait();
  }

  void launch(Kernel kernel, StepArgs args) {
    args.parts = 0;
    with_body(kernel, [&](auto body) {
      for (const NetworkMemory& n : networks)
        args.parts = std::max(args.parts, decltype(body)::parts(n.view, args));
    });
    device.launch(kernel, args, networks.size());
  }

  // Sums of a pass; nothing is left of an earlier one.
  void set_pass(PassView& pass, ChunkView* memory, std::span<const Chunk> chunks) {
    std::vector<ChunkView> views_of;
    for (const Chunk& c : chunks)
      views_of.push_back({c.first, c.count, c.member});
    pass.count = to_int(chunks.size());
    upload(memory, std::span<const ChunkView>(views_of));
    if (chunks.empty()) return;
    device.clear(pass.loss, chunks.size() * sizeof(double));
    device.clear(pass.pairs, chunks.size() * sizeof(std::int32_t));
  }

  std::vector<ChunkLoss> losses(const PassView& pass) const {
    const auto count = static_cast<std::size_t>(pass.count);
    const auto loss = download(pass.loss, count);
    const auto pairs = download(pass.pairs, count);
    std::vector<ChunkLoss> out(count);
    for (std::size_t i = 0; i < count; ++i)
      out[i] = {loss[i], pairs[i]};
    return out;
  }
};

Fleet::Fleet(Device& device) : impl_(std::make_unique<Impl>(device)) {}

Fleet::~Fleet() {
  for (void* memory : impl_->allocations)
    impl_->device.release(memory);
}

Result<void> Fleet::check(const NetShape& shape, std::size_t levels) {
  if (shape.hidden > kUnits) return fail(too_large("units per layer", kUnits, shape.hidden));
  if (shape.layers > kMaxLayers) return fail(too_large("layers", kMaxLayers, shape.layers));
  if (shape.outputs > kMaxOutputs) return fail(too_large("outputs", kMaxOutputs, shape.outputs));
  if (levels > kMaxLevels) return fail(too_large("quantile levels", kMaxLevels, levels));
  for (const BranchShape& branch : shape.branches) {
    if (branch.inputs > kMaxInputs) return fail(too_large("inputs", kMaxInputs, branch.inputs));
  }
  return {};
}

std::size_t Fleet::bytes_of(const PoolSize& pool) {
  Pieces pieces;
  lay_out(pool, pieces);
  return pieces.used();
}

std::size_t Fleet::bytes_of(const NetworkData& network) {
  Pieces pieces;
  lay_out(network, pieces);
  return pieces.used();
}

Result<std::size_t> Fleet::add_pool(const PoolData& pool) {
  MOP_TRY_ASSIGN(char* memory, impl_->allocate(bytes_of(size_of(pool))));
  Pieces pieces(memory);
  PoolMemory m = lay_out(size_of(pool), pieces);
  m.view.range_weight = static_cast<float>(pool.range_weight);
  const QuantileHead& head = pool.heads[0].members.front();
  std::ranges::transform(head.levels, m.view.quantile_levels,
                         [](double level) { return static_cast<float>(level); });
  for (std::size_t b = 0; b < pool.tables.size(); ++b) {
    impl_->upload_rows(pool.tables[b], m.rows[b]);
    impl_->upload(m.history[b], std::span(pool.tables[b].history));
    impl_->upload(m.targets[b], std::span(pool.heads[b].targets));
    const std::vector<float> base = base_and_gaps(pool.heads[b]);
    impl_->upload(m.base[b], std::span(base));
    m.view.heads[b].median = to_int(head.median_index());
  }
  impl_->upload(m.joined, std::span(pool.joined));
  impl_->upload(m.own, std::span<const PoolView>(&m.view, 1));
  MOP_TRY(impl_->device.wait());
  impl_->pools.push_back(m);
  return impl_->pools.size() - 1;
}

Result<std::size_t> Fleet::add_network(const NetworkData& network, const NetworkState& state,
                                       std::span<const float> best) {
  MOP_TRY_ASSIGN(char* memory, impl_->allocate(bytes_of(network)));
  Pieces pieces(memory);
  NetworkMemory m = lay_out(network, pieces);
  m.view.pool = impl_->pools.at(network.pool).own;
  impl_->device.clear(m.view.diverged, sizeof(*m.view.diverged));
  impl_->upload(m.view.params, std::span(state.params));
  impl_->upload(m.best, best);
  impl_->upload(m.view.mean, std::span(state.adam.mean));
  impl_->upload(m.view.square, std::span(state.adam.square));
  impl_->upload(m.view.updates, std::span(&state.adam.steps, 1));
  impl_->networks.push_back(m);
  MOP_TRY(impl_->reserve_views(impl_->networks.size()));
  MOP_TRY(impl_->device.wait());
  return impl_->networks.size() - 1;
}

void Fleet::set_fit(std::size_t network, std::span<const Chunk> chunks, std::span<const double> rates,
                    std::uint64_t counter) {
  NetworkMemory& m = impl_->networks.at(network);
  impl_->set_pass(m.view.fit, m.fit_chunks, chunks);
  MOP_CHECK(rates.size() == static_cast<std::size_t>(m.view.fit.steps())) << rates.size() << " rates";
  impl_->upload(m.rates, rates);
  m.view.dropout_counter = counter;
}

void Fleet::set_validation(std::size_t network, std::span<const Chunk> chunks) {
  NetworkMemory& m = impl_->networks.at(network);
  impl_->set_pass(m.view.validation, m.validation_chunks, chunks);
}

Result<void> Fleet::train() {
  return impl_->run(true);
}

Result<void> Fleet::validate() {
  return impl_->run(false);
}

std::vector<ChunkLoss> Fleet::fit_losses(std::size_t network) const {
  return impl_->losses(impl_->networks.at(network).view.fit);
}

std::vector<ChunkLoss> Fleet::validation_losses(std::size_t network) const {
  return impl_->losses(impl_->networks.at(network).view.validation);
}

NetworkState Fleet::state(std::size_t network) const {
  const NetworkView& v = impl_->networks.at(network).view;
  const auto n = static_cast<std::size_t>(v.parameter_count);
  return {impl_->download(v.params, n),
          {impl_->download(v.updates, 1)[0], impl_->download(v.mean, n), impl_->download(v.square, n)}};
}

std::vector<float> Fleet::gradients(std::size_t network) const {
  const NetworkView& v = impl_->networks.at(network).view;
  return impl_->download(v.grads, static_cast<std::size_t>(v.parameter_count));
}

void Fleet::keep_best(std::size_t network) {
  const NetworkMemory& m = impl_->networks.at(network);
  impl_->device.copy(m.best, m.view.params, static_cast<std::size_t>(m.view.parameter_count) * sizeof(float));
}

std::vector<float> Fleet::best(std::size_t network) const {
  const NetworkMemory& m = impl_->networks.at(network);
  return impl_->download(m.best, static_cast<std::size_t>(m.view.parameter_count));
}

}  // namespace mop::nn::cuda
