// What ends a step: its losses, the gradient's norm, Adam.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

/// The first and last parameter of a part.
struct ParamRange {
  int begin, end;
};
MOP_KERNEL ParamRange range_of(const NetworkView& net, int part) {
  const int each = (net.parameter_count + kUpdateParts - 1) / kUpdateParts;
  const int begin = part * each, end = begin + each;
  return {begin < net.parameter_count ? begin : net.parameter_count,
          end < net.parameter_count ? end : net.parameter_count};
}

/// Losses per chunk, and in training each part's share of the gradient and its squares. The first part counts
/// the update, or marks the network when its loss is not a number.
struct FinishLoss {
  static constexpr int kBlocksAtOnce = 1;  // on one multiprocessor, for the compiler's choice of registers
  static MOP_KERNEL int parts(const NetworkView&, const StepArgs& args) {
    return args.training ? kUpdateParts : 1;
  }
  static int shared_bytes(const StepArgs&) { return kThreads * static_cast<int>(sizeof(double)); }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    const NetworkView& net = share.net;
    auto* work = reinterpret_cast<double*>(block.shared());
    if (args.training) {
      const ParamRange range = range_of(net, share.part);
      double squares = 0.0;
      const Slices slices(net);
      for (int i = range.begin + block.thread(); i < range.end; i += kThreads) {
        const float sum = slices.sum(i);
        slices.grads[i] = sum;
        squares += static_cast<double>(sum) * static_cast<double>(sum);
      }
      squares = sum_of_threads(block, squares, work);
      if (block.thread() == 0) net.square_sums[share.part] = squares;
    }
    if (share.part > 0) return;
    const double loss = sum_of_threads(block, sum_losses(block, args, net), work);
    if (block.thread() != 0 || !args.training) return;
    if (loss - loss != 0.0) {  // infinite or not a number
      *net.diverged = 1;
    } else if (*net.pair_count > 0) {
      ++*net.updates;
    }
  }

 private:
  struct Slices {  // of a network; in registers, for behind a pointer it would be read again after every
                   // store
    const float* first;
    float* grads;
    int parameters, head, second_branch, counts[kMaxBranches];

    explicit MOP_KERNEL Slices(const NetworkView& net)
        : first(net.slices),
          grads(net.grads),
          parameters(net.parameter_count),
          head(net.head_weight),
          second_branch(net.branch_count > 1 ? net.branches[1].layers[0].weight_ih : net.head_weight),
          counts{slices_of(net, 0), net.branch_count > 1 ? slices_of(net, 1) : 1} {}

    MOP_KERNEL float sum(int i) const {
      const int count = i >= head ? 1 : i >= second_branch ? counts[1] : counts[0];
      float all = first[i];
      for (int s = 1; s < count; ++s)
        all += first[static_cast<std::int64_t>(s) * parameters + i];
      return all;
    }
  };

  template <class Block>
  static MOP_KERNEL double sum_losses(const Block& block, const StepArgs& args, const NetworkView& net) {
    const PassView& pass = pass_of(net, args.training);
    const int sequences = sequences_of(net, args);
    double all = 0.0;
    for (int b = block.thread(); b < sequences; b += kThreads) {
      double sum = 0.0;
      int pairs = 0;
      for (int s = 0; s < net.scored; ++s) {
        const int p = s * net.batch_rows + b, t = net.target_row[p];
        sum += static_cast<double>(net.row_loss[p]);
        for (int head = 0; head < net.branch_count && t >= 0; ++head) {
          const HeadView& view = net.pool->heads[head];
          pairs += view.targets[static_cast<std::int64_t>(t) * (view.horizon + 2) + view.horizon + 1] > 0.0f;
        }
      }
      pass.loss[args.step * pass.batch + b] = sum;
      pass.pairs[args.step * pass.batch + b] = pairs;
      all += sum;
    }
    return all;
  }
};

/// base^n by squaring: the same digits on every device, and none of pow's time.
MOP_KERNEL double power(double base, std::uint64_t n) {
  double result = 1.0;
  for (; n > 0; n /= 2, base *= base) {
    if (n % 2 == 1) result *= base;
  }
  return result;
}

/// nn/adam.h's clipping and update.
struct Update {
  static constexpr int kBlocksAtOnce = 1;  // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kAtOnce = 4;        // parameters that a thread reads before it writes one
  static MOP_KERNEL int parts(const NetworkView&, const StepArgs&) { return kUpdateParts; }
  static int shared_bytes(const StepArgs&) { return 4 * static_cast<int>(sizeof(double)); }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    const NetworkView& net = share.net;
    if (*net.pair_count == 0) return;
    auto* numbers = reinterpret_cast<double*>(block.shared());
    if (block.thread() == 0) prepare(block, net, net.rates[args.step], numbers);
    block.sync();
    const auto scale = static_cast<float>(numbers[0]), rate = static_cast<float>(numbers[1]),
               root = static_cast<float>(numbers[2]), keep = static_cast<float>(numbers[3]);
    constexpr auto kBeta1 = static_cast<float>(0.9), kBeta2 = static_cast<float>(0.999),
                   kRest1 = static_cast<float>(1.0 - 0.9), kRest2 = static_cast<float>(1.0 - 0.999),
                   kEps = static_cast<float>(1e-8);
    const ParamRange range = range_of(net, share.part);
    const float* const grads = net.grads;
    float *const means = net.mean, *const squares = net.square, *const params = net.params;
    for (int first = range.begin + block.thread(); first < range.end; first += kAtOnce * kThreads) {
      float g[kAtOnce], mean[kAtOnce], square[kAtOnce], param[kAtOnce];
      MOP_UNROLL
      for (int n = 0; n < kAtOnce; ++n) {
        const int i = first + n * kThreads, own = i < range.end ? i : first;
        g[n] = grads[own] * scale;
        mean[n] = kBeta1 * means[own] + kRest1 * g[n];
        square[n] = kBeta2 * squares[own] + kRest2 * g[n] * g[n];
        param[n] = keep * params[own] - rate * mean[n] / (block.sqrt(square[n]) * root + kEps);
      }
      MOP_UNROLL
      for (int n = 0; n < kAtOnce; ++n) {
        const int i = first + n * kThreads;
        if (i >= range.end) break;
        means[i] = mean[n];
        squares[i] = square[n];
        params[i] = param[n];
      }
    }
  }

 private:
  template <class Block>
  static MOP_KERNEL void prepare(const Block& block, const NetworkView& net, double lr, double* numbers) {
    double squares = 0.0;
    for (int part = 0; part < kUpdateParts; ++part)
      squares += net.square_sums[part];
    const double norm = block.sqrt(squares);
    numbers[0] = norm > net.gradient_clip ? net.gradient_clip / norm : 1.0;
    numbers[1] = lr / (1.0 - power(0.9, *net.updates));
    numbers[2] = 1.0 / block.sqrt(1.0 - power(0.999, *net.updates));
    numbers[3] = 1.0 - lr * net.weight_decay;
  }
};

}  // namespace mop::nn::cuda
