#include "mop/base/interrupt.h"

#include <csignal>

#include <atomic>

namespace mop {
namespace {

// The only mutable globals: a signal handler can reach nothing else.
std::atomic<bool> g_interrupted{false}, g_hangup{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_signal(int signal_number) {
  g_interrupted.store(true, std::memory_order_relaxed);
  std::signal(signal_number, SIG_DFL);  // the second one kills
}

extern "C" void on_hangup(int) {
  g_hangup.store(true, std::memory_order_relaxed);
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

void install_hangup_handler() {
  std::signal(SIGHUP, on_hangup);
}

bool take_hangup() {
  return g_hangup.exchange(false, std::memory_order_relaxed);
}

}  // namespace mop
