#include "mop/nn/cuda/fleet.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/nn/cuda/fleet_layout.h"
#include "mop/nn/cuda/kernels-inl.h"

namespace mop::nn::cuda {
namespace {

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

struct Fleet::Impl {
  explicit Impl(Device& d) : device(d) {}

  Device& device;
  std::vector<void*> allocations;
  std::vector<PoolMemory> pools;
  std::vector<NetworkMemory> networks;
  NetworkView* views = nullptr;  // on the device
  Board fit, validation;
  std::size_t chunks_in_all = 0;

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

  // Room for what all networks' passes need; made when the first one starts.
  Result<void> make_boards() {
    if (views != nullptr) return {};
    Pieces sizes;
    sizes.take<NetworkView>(networks.size());
    lay_out_board(chunks_in_all, sizes);
    lay_out_board(chunks_in_all, sizes);
    MOP_TRY_ASSIGN(char* memory, allocate(sizes.used()));
    Pieces pieces(memory);
    views = pieces.take<NetworkView>(networks.size());
    for (Board* board : {&fit, &validation}) {
      *board = lay_out_board(chunks_in_all, pieces);
      board->host_chunks.resize(chunks_in_all);
      board->host_rates.resize(chunks_in_all);
      board->host_loss.resize(chunks_in_all);
      board->host_pairs.resize(chunks_in_all);
    }
    for (NetworkMemory& n : networks) {
      for (auto& [pass, board] : {std::pair(&n.view.fit, &fit), std::pair(&n.view.validation, &validation)}) {
        pass->chunks = board->chunks + n.first_chunk;
        pass->loss = board->loss + n.first_chunk;
        pass->pairs = board->pairs + n.first_chunk;
      }
      n.view.rates = fit.rates + n.first_chunk;
    }
    return {};
  }

  // As few tiles per block as leave no multiprocessor idle in this step, and no more than shared memory
  // holds.
  int tiles_per_block(const StepArgs& step) const {
    int tiles = 1;
    for (; tiles < kMaxTiles; ++tiles) {
      int blocks = 0;
      for (const NetworkMemory& n : networks)
        blocks += step.step < pass_of(n.view, step.training).steps() ? time_parts(n.view, tiles) : 0;
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
    Board& board = training ? fit : validation;
    upload(board.chunks, std::span<const ChunkView>(board.host_chunks));
    upload(board.rates, std::span<const double>(board.host_rates));
    device.clear(board.loss, chunks_in_all * sizeof(double));
    device.clear(board.pairs, chunks_in_all * sizeof(std::int32_t));
    std::vector<NetworkView> all;
    int steps = 0;
    for (const NetworkMemory& n : networks) {
      all.push_back(n.view);
      steps = std::max(steps, pass_of(n.view, training).steps());
    }
    upload(views, std::span<const NetworkView>(all));
    StepArgs args{views, 0, 1, 1, training};
    for (; args.step < steps; ++args.step) {
      args.tiles = tiles_per_block(args);
      for (const Kernel kernel : {Kernel::kTakeStep, Kernel::kForward, Kernel::kHeadLoss, Kernel::kBackward,
                                  Kernel::kWeightGradients, Kernel::kFinishLoss, Kernel::kUpdate}) {
        const bool always = kernel <= Kernel::kHeadLoss || kernel == Kernel::kFinishLoss;
        if (training || always) launch(kernel, args);
      }
    }
    device.download(board.host_loss.data(), board.loss, chunks_in_all * sizeof(double));
    device.download(board.host_pairs.data(), board.pairs, chunks_in_all * sizeof(std::int32_t));
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

  void set_pass(std::size_t network, PassView& pass, Board& board, std::span<const Chunk> chunks) {
    const NetworkMemory& n = networks[network];
    MOP_CHECK(chunks.size() <= n.most_chunks) << chunks.size() << " chunks, room for " << n.most_chunks;
    pass.count = to_int(chunks.size());
    std::ranges::transform(chunks, board.host_chunks.begin() + static_cast<std::ptrdiff_t>(n.first_chunk),
                           [](const Chunk& c) {
                             return ChunkView{c.first, c.count, c.member};
                           });
  }

  std::vector<ChunkLoss> losses(const NetworkMemory& n, const PassView& pass, const Board& board) const {
    std::vector<ChunkLoss> out(static_cast<std::size_t>(pass.count));
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = {board.host_loss[n.first_chunk + i], board.host_pairs[n.first_chunk + i]};
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
  lay_out_board(network.most_chunks, pieces);
  lay_out_board(network.most_chunks, pieces);
  pieces.take<NetworkView>(1);
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
  MOP_CHECK(impl_->views == nullptr) << "a network joins a fleet that has started";
  MOP_CHECK(network.scored <= INT16_MAX) << network.scored << " scored rows in a Span";
  for (const std::size_t steps : network.steps)
    MOP_CHECK(steps * (network.batch + kTileRows) * kGates <= INT32_MAX) << "places within a layer are ints";
  Pieces size;
  lay_out(network, size);
  MOP_TRY_ASSIGN(char* memory, impl_->allocate(size.used()));
  Pieces pieces(memory);
  NetworkMemory m = lay_out(network, pieces);
  m.view.pool = impl_->pools.at(network.pool).own;
  m.first_chunk = impl_->chunks_in_all;
  impl_->chunks_in_all += network.most_chunks;
  impl_->device.clear(m.view.diverged, sizeof(*m.view.diverged));
  impl_->upload(m.view.params, std::span(state.params));
  impl_->upload(m.best, best);
  impl_->upload(m.view.mean, std::span(state.adam.mean));
  impl_->upload(m.view.square, std::span(state.adam.square));
  impl_->upload(m.view.updates, std::span(&state.adam.steps, 1));
  impl_->networks.push_back(m);
  MOP_TRY(impl_->device.wait());
  return impl_->networks.size() - 1;
}

Result<void> Fleet::start() {
  return impl_->make_boards();
}

void Fleet::set_fit(std::size_t network, std::span<const Chunk> chunks, std::span<const double> rates,
                    std::uint64_t counter) {
  NetworkMemory& m = impl_->networks.at(network);
  impl_->set_pass(network, m.view.fit, impl_->fit, chunks);
  MOP_CHECK(rates.size() == static_cast<std::size_t>(m.view.fit.steps())) << rates.size() << " rates";
  std::ranges::copy(rates, impl_->fit.host_rates.begin() + static_cast<std::ptrdiff_t>(m.first_chunk));
  m.view.dropout_counter = counter;
}

void Fleet::set_validation(std::size_t network, std::span<const Chunk> chunks) {
  impl_->set_pass(network, impl_->networks.at(network).view.validation, impl_->validation, chunks);
}

Result<void> Fleet::train() {
  return impl_->run(true);
}

Result<void> Fleet::validate() {
  return impl_->run(false);
}

std::vector<ChunkLoss> Fleet::fit_losses(std::size_t network) const {
  const NetworkMemory& m = impl_->networks.at(network);
  return impl_->losses(m, m.view.fit, impl_->fit);
}

std::vector<ChunkLoss> Fleet::validation_losses(std::size_t network) const {
  const NetworkMemory& m = impl_->networks.at(network);
  return impl_->losses(m, m.view.validation, impl_->validation);
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
