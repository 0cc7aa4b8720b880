// The head, its loss and the way back to the states it read: some scored rows at a time.
#pragma once
#include "mop/nn/cuda/tile-inl.h"

namespace mop::nn::cuda {

/// What bends a gap between base quantiles, e^clamp(x) with clamp(x) = 4 tanh(x / 4), and its derivative by
/// x.
struct Bend {
  float value, slope;
};
template <class Block>
MOP_KERNEL Bend bend(const Block& block, float x) {
  constexpr float kLimit = 4.0f;
  const float t = tanh(block, x / kLimit);
  const float value = block.exp(kLimit * t);
  return {value, value * (1.0f - t * t)};
}

/// nn/quantile_head.h's loss of one step of one row, and its gradient times `share` in place of the raw
/// outputs (levels + 1). `base`: the median's base quantile, then the gaps.
template <class Block>
MOP_KERNEL float pinball_step(const Block& block, const HeadView& head, const float* levels,
                              const float* base, float z, float share, float* raw) {
  const int K = head.levels, m = head.median;
  const Bend scale = bend(block, raw[1]);
  Bend stretch[kMaxLevels];
  float q[kMaxLevels], dq[kMaxLevels], loss = 0.0f;
  for (int k = 0; k + 1 < K; ++k)
    stretch[k] = bend(block, raw[2 + k]);
  q[m] = base[0] + raw[0];
  for (int k = m; k + 1 < K; ++k)
    q[k + 1] = q[k] + base[1 + k] * stretch[k].value * scale.value;
  for (int k = m; k-- > 0;)
    q[k] = q[k + 1] - base[1 + k] * stretch[k].value * scale.value;
  for (int k = 0; k < K; ++k) {
    const float slope = levels[k] - (z < q[k] ? 1.0f : 0.0f);
    loss += slope * (z - q[k]);
    dq[k] = -share * slope;
  }
  float log_scale = 0.0f, above = 0.0f, below = 0.0f;  // a gap moves every quantile on its far side
  for (int k = 0; k + 1 < K; ++k)
    raw[2 + k] = 0.0f;
  for (int k = K - 1; k > m; --k) {
    above += dq[k];
    log_scale += above * base[k] * stretch[k - 1].value * scale.slope;
    raw[1 + k] = above * base[k] * stretch[k - 1].slope * scale.value;
  }
  for (int k = 0; k < m; ++k) {
    below += dq[k];
    log_scale -= below * base[1 + k] * stretch[k].value * scale.slope;
    raw[2 + k] = -below * base[1 + k] * stretch[k].slope * scale.value;
  }
  raw[0] = dq[m] + above + below;
  raw[1] = log_scale;
  return loss;
}

struct HeadLoss {
  static constexpr int kBlocksAtOnce = 2;  // on one multiprocessor, for the compiler's choice of registers
  static constexpr int kReadStride = kMaxBranches * kUnits + 1;  // no bank is hit twice
  static constexpr int kMaxSteps = kMaxOutputs / 2;              // a step has two outputs at least

  static MOP_KERNEL int parts(const NetworkView& net, const StepArgs&) { return head_parts(net); }
  static int shared_bytes(const StepArgs&) {
    return static_cast<int>(sizeof(float)) * kHeadRows * (kReadStride + kMaxOutputs + kMaxSteps);
  }

  template <class Block>
  static MOP_KERNEL void run(Block& block, const StepArgs& args, const Share& share) {
    const NetworkView& net = share.net;
    const int first = share.part * kHeadRows, left = net.scored * net.batch_rows - first;
    const Rows rows{first, left < kHeadRows ? left : kHeadRows};
    float* read = block.shared();
    float* y = read + kHeadRows * kReadStride;
    float* losses = y + kHeadRows * kMaxOutputs;
    read_states(block, net, rows, read);
    block.sync();
    multiply(block, net, rows, read, y);
    block.sync();
    compare(block, net, args, rows, y, losses);
    block.sync();
    for (int r = block.thread(); r < rows.count; r += kThreads) {
      float sum = 0.0f;
      for (int i = 0; i < items_of(net); ++i)
        sum += losses[r * kMaxSteps + i];
      net.row_loss[rows.first + r] = sum;
    }
    if (!args.training) return;
    hand_back(block, net, rows, y);
  }

 private:
  struct Rows {
    int first, count;
  };

  static MOP_KERNEL int items_of(const NetworkView& net) {  // (head, step) pairs of a row
    int items = 0;
    for (int head = 0; head < net.branch_count; ++head)
      items += net.pool->heads[head].horizon;
    return items;
  }

  template <class Block>
  static MOP_KERNEL void read_states(Block& block, const NetworkView& net, Rows rows, float* read) {
    const int width = net.branch_count * kUnits;
    for (int i = block.thread(); i < rows.count * width; i += kThreads) {
      const int r = i / width, column = i % width, p = rows.first + r;
      const BranchView& branch = net.branches[column / kUnits];
      const int step = branch.read_step[p];
      const std::int64_t at = static_cast<std::int64_t>(step) * net.batch_rows + p % net.batch_rows;
      const float* top = branch.layers[net.layer_count - 1].hidden;
      read[r * kReadStride + column] = step >= 0 ? top[at * kUnits + column % kUnits] : 0.0f;
    }
  }

  template <class Block>
  static MOP_KERNEL void multiply(Block& block, const NetworkView& net, Rows rows, const float* read,
                                  float* y) {
    const int H = net.hidden, width = net.branch_count * H;
    for (int i = block.thread(); i < kHeadRows * net.output_count; i += kThreads) {
      const int r = i % kHeadRows, output = i / kHeadRows;
      if (r >= rows.count) continue;
      const float* weights = net.params + net.head_weight + output * width;
      float sum = net.params[net.head_bias + output];
      for (int branch = 0; branch < net.branch_count; ++branch) {
        for (int j = 0; j < H; ++j)
          sum += weights[branch * H + j] * read[r * kReadStride + branch * kUnits + j];
      }
      y[r * kMaxOutputs + output] = sum;
    }
  }

  // Losses, and gradients in place of the outputs.
  template <class Block>
  static MOP_KERNEL void compare(Block& block, const NetworkView& net, const StepArgs& args, Rows rows,
                                 float* y, float* losses) {
    const int items = items_of(net);
    const PassView& pass = pass_of(net, args.training);
    for (int i = block.thread(); i < rows.count * items; i += kThreads) {
      const int r = i / items, p = rows.first + r;
      int step = i % items, head = 0;
      if (step >= net.pool->heads[0].horizon) {
        step -= net.pool->heads[0].horizon;
        head = 1;
      }
      const int b = p % net.batch_rows;
      const int t = net.target_row[p];
      const int member = t >= 0 ? pass.chunks[args.step * pass.batch + b].member : 0;
      losses[r * kMaxSteps + i % items] =
          compare_step(block, net, {head, step, t, member}, y + r * kMaxOutputs);
    }
  }

  struct Item {
    int head, step, row, member;
  };
  template <class Block>
  static MOP_KERNEL float compare_step(Block& block, const NetworkView& net, Item item, float* y) {
    const HeadView& head = net.pool->heads[item.head];
    const int H = head.horizon, outputs = head.levels + 1;
    float* raw = y + head.offset + item.step * outputs;
    float* range = y + head.offset + H * outputs;
    const float* targets = head.targets + static_cast<std::int64_t>(item.row < 0 ? 0 : item.row) * (H + 2);
    const float weight = item.row < 0 ? 0.0f : targets[H + 1];
    const auto of_batch = static_cast<float>(static_cast<double>(weight) / *net.weight_sum);
    if (item.step == 0) {
      const float error = *range - targets[H];
      *range = weight > 0.0f && targets[H] == targets[H] ? of_batch * net.pool->range_weight * error : 0.0f;
    }
    int present = 0;
    for (int h = 0; h < H; ++h)
      present += targets[h] == targets[h];
    const float z = targets[item.step];
    if (!(weight > 0.0f) || z != z) {
      for (int k = 0; k < outputs; ++k)
        raw[k] = 0.0f;
      return 0.0f;
    }
    const float each = 1.0f / static_cast<float>(present * head.levels);
    const float* base = head.base + (item.member * H + item.step) * head.levels;
    return each * pinball_step(block, head, net.pool->quantile_levels, base, z, of_batch * each, raw);
  }

  // The gradient by the outputs, and by the states that the head read.
  template <class Block>
  static MOP_KERNEL void hand_back(Block& block, const NetworkView& net, Rows rows, const float* dy) {
    const int outputs = net.output_count;
    for (int i = block.thread(); i < rows.count * outputs; i += kThreads)
      net.dy[static_cast<std::int64_t>(rows.first) * outputs + i] =
          dy[i / outputs * kMaxOutputs + i % outputs];
    const int H = net.hidden, width = net.branch_count * kUnits;
    for (int i = block.thread(); i < rows.count * width; i += kThreads) {
      const int r = i / width, branch = i % width / kUnits, unit = i % kUnits;
      const float* weights = net.params + net.head_weight + branch * H + unit;
      float sum = 0.0f;
      for (int output = 0; output < outputs && unit < H; ++output)
        sum += dy[r * kMaxOutputs + output] * weights[output * net.branch_count * H];
      net.dread[static_cast<std::int64_t>(rows.first + r) * width + i % width] = sum;
    }
  }
};

}  // namespace mop::nn::cuda
