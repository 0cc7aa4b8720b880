// All kernels, by name.
#pragma once
#include "mop/nn/cuda/device.h"
#include "mop/nn/cuda/head-inl.h"
#include "mop/nn/cuda/lstm_backward-inl.h"
#include "mop/nn/cuda/lstm_forward-inl.h"
#include "mop/nn/cuda/take_step-inl.h"
#include "mop/nn/cuda/update-inl.h"
#include "mop/nn/cuda/weight_gradients-inl.h"

namespace mop::nn::cuda {

/// What one block of a launch does.
template <class Body, class Block>
MOP_KERNEL void run_block(Block& block, const StepArgs& args) {
  const NetworkView& net = args.networks[block.index() / args.parts];
  const int part = block.index() % args.parts;
  if (!has_step(net, args) || part >= Body::parts(net, args)) return;
  Body::run(block, args, {net, part});
}

/// Calls launch(Body()) for the kernel's body.
template <class Launch>
void with_body(Kernel kernel, const Launch& launch) {
  switch (kernel) {
    case Kernel::kTakeStep:
      return launch(TakeStep());
    case Kernel::kForward:
      return launch(LstmForward());
    case Kernel::kHeadLoss:
      return launch(HeadLoss());
    case Kernel::kBackward:
      return launch(LstmBackward());
    case Kernel::kWeightGradients:
      return launch(WeightGradients());
    case Kernel::kFinishLoss:
      return launch(FinishLoss());
    case Kernel::kUpdate:
      return launch(Update());
  }
}

}  // namespace mop::nn::cuda
