#include "mop/nn/cuda/emulated_device.h"

#include <ucontext.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "mop/base/check.h"
#include "mop/nn/cuda/kernels-inl.h"

namespace mop::nn::cuda {
namespace {

constexpr std::size_t kStackBytes = 128 * 1024;

// The threads of one block: a fiber runs until it waits for others, then the next one does.
class Fibers {
 public:
  using Work = void (*)(void* block, int thread);

  explicit Fibers(bool backwards)
      : backwards_(backwards), threads_(kThreads), contexts_(kThreads), stacks_(kThreads * kStackBytes) {}

  void run(void* block, Work work) {
    running_ = this;
    block_ = block;
    work_ = work;
    for (int thread = 0; thread < kThreads; ++thread)
      start(thread);
    for (int left = kThreads; left > 0;) {
      bool moved = false;
      for (int turn = 0; turn < kWarps; ++turn)
        moved |= run_warp(backwards_ ? kWarps - 1 - turn : turn, left);
      MOP_CHECK(moved) << left << " threads wait for each other for ever";
    }
  }

  /// Waits until `generation` has changed.
  void wait_for(const std::uint64_t& generation) {
    Thread& thread = threads_[static_cast<std::size_t>(current_)];
    thread.waits_for = &generation;
    thread.generation = generation;
    swapcontext(&contexts_[static_cast<std::size_t>(current_)], &scheduler_);
    thread.waits_for = nullptr;
  }

 private:
  struct Thread {
    bool done = false;
    const std::uint64_t* waits_for = nullptr;
    std::uint64_t generation = 0;
  };

  // As far as it gets: a warp that is not told to wait for the others overtakes them, so that the result
  // shows it.
  bool run_warp(int warp, int& left) {
    bool moved = false;
    for (bool again = true; again;) {
      again = false;
      for (int turn = 0; turn < kLanes; ++turn) {
        current_ = warp * kLanes + (backwards_ ? kLanes - 1 - turn : turn);
        Thread& thread = threads_[static_cast<std::size_t>(current_)];
        if (thread.done || (thread.waits_for != nullptr && *thread.waits_for == thread.generation)) continue;
        again = moved = true;
        swapcontext(&scheduler_, &contexts_[static_cast<std::size_t>(current_)]);
        left -= thread.done;
      }
    }
    return moved;
  }

  void start(int thread) {
    const auto i = static_cast<std::size_t>(thread);
    threads_[i] = {};
    getcontext(&contexts_[i]);
    contexts_[i].uc_stack.ss_sp = &stacks_[i * kStackBytes];
    contexts_[i].uc_stack.ss_size = kStackBytes;
    contexts_[i].uc_link = &scheduler_;
    makecontext(&contexts_[i], &Fibers::enter, 0);
  }

  static void enter() {
    Fibers& self = *running_;
    const int thread = self.current_;
    self.work_(self.block_, thread);
    self.threads_[static_cast<std::size_t>(thread)].done = true;
  }

  static thread_local Fibers* running_;  // a context's function is given nothing

  bool backwards_;
  std::vector<Thread> threads_;
  std::vector<ucontext_t> contexts_;
  std::vector<char> stacks_;
  ucontext_t scheduler_{};
  int current_ = 0;
  void* block_ = nullptr;
  Work work_ = nullptr;
};

thread_local Fibers* Fibers::running_ = nullptr;

// A meeting of `size` threads.
struct Meeting {
  int size, arrived = 0;
  std::uint64_t generation = 0;
};

// A lane's share of a product.
struct Product {
  float a[4], b[2];
  float* d;
};

struct BlockState {
  Fibers& fibers;
  Operands operands;
  const StepArgs& args;
  int index;
  std::vector<Quad> shared;
  Meeting all{kThreads};
  struct Warp {
    Meeting meeting{kLanes};
    std::uint32_t exchanged[kLanes] = {};
    std::vector<Product> products[kLanes];  // asked for and not finished
  };
  std::vector<Warp> warps = std::vector<Warp>(kWarps);
};

float to_tf32(float x) {  // to the nearest, ties away from zero, as cvt.rna does
  if (!std::isfinite(x)) return x;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(x) + 0x1000u) & ~0x1fffu);
}

class EmulatedBlock {
 public:
  EmulatedBlock(BlockState& state, int thread) : state_(state), thread_(thread) {}

  int index() const { return state_.index; }
  int thread() const { return thread_; }
  float* shared() const { return reinterpret_cast<float*>(state_.shared.data()); }
  void sync() {
    meet(state_.all, [] {});
  }

  void mma(float (&d)[4], const float (&a)[4], const float (&b)[2]) {
    warp().products[thread_ % kLanes].push_back({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}, d});
  }
  void load_rows(float (&a)[4], const float* matrix, int stride) const {
    MOP_CHECK(reinterpret_cast<std::uintptr_t>(matrix) % sizeof(Quad) == 0 && stride % 4 == 0);
    const int lane = thread_ % kLanes;
    for (int e = 0; e < 4; ++e)
      a[e] = matrix[(lane / 4 + 8 * (e % 2)) * stride + lane % 4 + 4 * (e / 2)];
  }
  void finish_products() {
    meet(warp().meeting, [this] { multiply(warp()); });
  }

  std::uint32_t exchange(std::uint32_t x) const {
    BlockState::Warp& own = warp();
    const int lane = thread_ % kLanes;
    own.exchanged[lane] = x;
    meet(own.meeting, [] {});
    const std::uint32_t other = own.exchanged[lane ^ 1];
    meet(own.meeting, [] {});
    return other;
  }
  float operand(float x) const { return state_.operands == Operands::kTf32 ? to_tf32(x) : x; }
  float exp(float x) const { return std::exp(x); }
  float divide(float a, float b) const { return a / b; }
  template <class T>
  T sqrt(T x) const {
    return std::sqrt(x);
  }

  // Copies are late on purpose: what is read before wait() is not there yet.
  void copy(void* to, const void* from, bool present) {
    const Quad zeros{};
    copy_later(to, present ? from : &zeros, sizeof(Quad));
  }
  void copy_word(void* to, const void* from) { copy_later(to, from, sizeof(std::uint32_t)); }
  template <class T>
  void store(T* to, const T& value) const {
    MOP_CHECK(reinterpret_cast<std::uintptr_t>(to) % sizeof(T) == 0);
    *to = value;
  }
  void close_group() {
    groups_.push_back(std::move(open_));
    open_.clear();
  }
  void wait(std::size_t keep) {
    while (groups_.size() > keep) {
      for (const Copy& copy : groups_.front())
        std::memcpy(copy.to, &copy.value, copy.bytes);
      groups_.erase(groups_.begin());
    }
  }

 private:
  struct Copy {
    void* to;
    std::size_t bytes;
    Quad value;
  };

  void copy_later(void* to, const void* from, std::size_t bytes) {
    MOP_CHECK(reinterpret_cast<std::uintptr_t>(to) % bytes == 0 &&
              reinterpret_cast<std::uintptr_t>(from) % bytes == 0);
    const auto* begin = reinterpret_cast<const char*>(state_.shared.data());
    MOP_CHECK(to >= begin &&
              static_cast<const char*>(to) + bytes <= begin + state_.shared.size() * sizeof(Quad))
        << "a copy outside of shared memory";
    open_.push_back({to, bytes, {}});
    std::memcpy(&open_.back().value, from, bytes);
  }

  template <class Last>
  void meet(Meeting& meeting, const Last& last) const {
    if (++meeting.arrived < meeting.size) {
      state_.fibers.wait_for(meeting.generation);
      return;
    }
    last();
    meeting.arrived = 0;
    ++meeting.generation;
  }

  BlockState::Warp& warp() const { return state_.warps[static_cast<std::size_t>(thread_ / kLanes)]; }

  static void multiply(BlockState::Warp& warp) {
    const std::size_t count = warp.products[0].size();
    for (const auto& own : warp.products)
      MOP_CHECK(own.size() == count) << "lanes of a warp disagree on its products";
    for (std::size_t i = 0; i < count; ++i)
      multiply(warp, i);
    for (auto& own : warp.products)
      own.clear();
  }

  // PTX's m16n8k8 with tf32: who holds which element.
  static void multiply(BlockState::Warp& warp, std::size_t i) {
    float a[16][8], b[8][8];
    for (int lane = 0; lane < kLanes; ++lane) {
      const Product& own = warp.products[lane][i];
      for (int e = 0; e < 4; ++e)
        a[lane / 4 + 8 * (e % 2)][lane % 4 + 4 * (e / 2)] = own.a[e];
      for (int e = 0; e < 2; ++e)
        b[lane % 4 + 4 * e][lane / 4] = own.b[e];
    }
    for (int lane = 0; lane < kLanes; ++lane) {
      for (int e = 0; e < 4; ++e) {
        float sum = 0.0f;
        for (int k = 0; k < 8; ++k)
          sum += a[lane / 4 + 8 * (e / 2)][k] * b[k][2 * (lane % 4) + e % 2];
        warp.products[lane][i].d[e] += sum;
      }
    }
  }

  BlockState& state_;
  int thread_;
  std::vector<Copy> open_;
  std::vector<std::vector<Copy>> groups_;
};

class EmulatedDevice final : public Device {
 public:
  EmulatedDevice(Operands operands, const EmulatedLimits& limits)
      : operands_(operands),
        limits_(limits),
        info_{"emulated GPU",         limits.memory_bytes, limits.memory_bytes, 0, 0, 0,
              limits.multiprocessors, limits.shared_bytes},
        fibers_(limits.backwards) {}
  ~EmulatedDevice() override {
    MOP_CHECK(memory_.empty()) << memory_.size() << " allocations were not released";
  }

  const DeviceInfo& info() const override { return info_; }

  Result<void*> allocate(std::size_t bytes) override {
    if (used_ + bytes > limits_.memory_bytes)
      return fail(ErrorCode::kUnsupported, fmt::format("{} bytes are more than is free", bytes));
    void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
    std::memset(memory, 0xff, bytes);  // not a number: what nobody wrote must not be read
    memory_[memory] = bytes;
    used_ += bytes;
    return memory;
  }
  void release(void* memory) override {
    used_ -= memory_.at(memory);
    memory_.erase(memory);
    std::free(memory);
  }
  void upload(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void copy(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void clear(void* memory, std::size_t bytes) override { std::memset(memory, 0, bytes); }

  void launch(Kernel kernel, const StepArgs& args, std::size_t networks) override {
    if (launches_++ >= limits_.launches_until_lost) return;
    with_body(kernel, [&](auto body) {
      using Body = decltype(body);
      const auto shared = static_cast<std::size_t>(Body::shared_bytes(args));
      MOP_CHECK(shared <= limits_.shared_bytes) << shared << " bytes of shared memory";
      for (std::size_t i = 0; i < networks * static_cast<std::size_t>(args.parts); ++i) {
        const Quad unset{{NAN, NAN, NAN, NAN}};
        BlockState state{fibers_, operands_, args, static_cast<int>(i),
                         std::vector<Quad>((shared + sizeof(Quad) - 1) / sizeof(Quad), unset)};
        fibers_.run(&state, [](void* given, int thread) {
          auto& own = *static_cast<BlockState*>(given);
          EmulatedBlock block(own, thread);
          run_block<Body>(block, own.args);
        });
      }
    });
  }
  Result<void> wait() override {
    if (launches_ > limits_.launches_until_lost) return fail(ErrorCode::kDeviceLost, "the device was lost");
    return {};
  }
  float operand(float x) const override { return operands_ == Operands::kTf32 ? to_tf32(x) : x; }

 private:
  Operands operands_;
  EmulatedLimits limits_;
  DeviceInfo info_;
  Fibers fibers_;
  std::map<void*, std::size_t> memory_;
  std::size_t used_ = 0, launches_ = 0;
};

}  // namespace

std::unique_ptr<Device> emulated_device(Operands operands, const EmulatedLimits& limits) {
  return std::make_unique<EmulatedDevice>(operands, limits);
}

}  // namespace mop::nn::cuda
