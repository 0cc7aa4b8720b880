#include "mop/base/interrupt.h"

#include <csignal>

#include <atomic>

namespace mop {
namespace {

std::atomic<bool> g_interrupted{false};  // the one mutable global: a signal handler can reach nothing else
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal_number) {
  g_interrupted.store(true, std::memory_order_relaxed);
  std::signal(signal_number, SIG_DFL);  // the second one kills
}

}  // namespace

void install_interrupt_handlers() {
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
}

bool interrupted() {
  return g_interrupted.load(std::memory_order_relaxed);
}

}  // namespace mop
