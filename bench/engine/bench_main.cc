// Our side of bench/engine/compare.py: reads lines "<what> <count>", answers each with a JSON array of that
// many samples. The rivals (torch_rival.py, onnx_rival.mjs) speak the same.
#include <sched.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "mop/nn/onnx.h"
#include "peak.h"
#include "workload.h"

namespace mop::bench {
namespace {

using Samples = std::vector<double>;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Samples time_each(std::size_t count, double (*clock)(), double scale, const std::function<void()>& work) {
  Samples out;
  work();  // buffers grow, caches fill
  for (std::size_t i = 0; i < count; ++i) {
    const double start = clock();
    work();
    out.push_back((clock() - start) * scale);
  }
  return out;
}

Samples repeat(std::size_t count, double (*measure)()) {
  Samples out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back(measure());
  return out;
}

// Milliseconds on the thread's CPU clock.
Samples train_alone(std::size_t count) {
  TrainStep train(1);
  return time_each(count, thread_seconds, 1e3, [&] { train.step(); });
}

void stay_on(std::size_t core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  sched_setaffinity(0, sizeof(cores), &cores);
}

// A thread with its own model on each of the first two cores, whose speeds need not be the same: one after
// the other or side by side. `count` steps on each.
Samples train(std::size_t count, bool side_by_side) {
  Samples of[2];
  std::thread threads[2];
  for (std::size_t core = 0; core < 2; ++core) {
    threads[core] = std::thread([&, core] {
      stay_on(core);
      of[core] = train_alone(count);
    });
    if (!side_by_side) threads[core].join();
  }
  for (std::thread& thread : threads)
    if (thread.joinable()) thread.join();
  of[0].insert(of[0].end(), of[1].begin(), of[1].end());
  return of[0];
}

// Wall-clock microseconds of one forecast.
Samples forecast(std::size_t count) {
  const nn::NetShape shape = v1_shape();
  const nn::cpu::PreparedWeights weights(shape, random_params(shape, 1));
  const Windows window(shape, 1, 2);
  nn::cpu::Inference inference;
  return time_each(count, wall_seconds, 1e6, [&] { inference.run(weights, window.batch); });
}

// CPU milliseconds of all 75 forecasts.
Samples close(std::size_t count) {
  CandleClose fleet;
  return time_each(count, thread_seconds, 1e3, [&] { fleet.forecast(); });
}

// The same when the windows were run up to the candle before.
Samples close_step(std::size_t count) {
  CandleClose fleet;
  return time_each(count, thread_seconds, 1e3, [&] { fleet.forecast_from_candle_before(); });
}

// Megabytes resident after such a close.
Samples resident(std::size_t count) {
  close(count);
  std::ifstream statm("/proc/self/statm");
  double pages = 0.0;
  statm >> pages >> pages;
  return {pages * 4096.0 / 1e6};
}

Samples run(const std::string& what, std::size_t count) {
  if (what == "register_peak") return repeat(count, measure_register_peak);
  if (what == "product_peak") return repeat(count, measure_product_peak);
  if (what == "train") return train(count, false);
  if (what == "train_side_by_side") return train(count, true);
  if (what == "overlap") return repeat(count, measure_overlap);
  if (what == "forecast") return forecast(count);
  if (what == "close") return close(count);
  if (what == "close_step") return close_step(count);
  if (what == "resident") return resident(count);
  return {};
}

int write_onnx(const std::string& path) {
  const nn::ParamLayout layout(v1_shape());
  const std::size_t lookback[] = {kSteps};
  std::ofstream file(path, std::ios::binary);
  const auto params = random_params(v1_shape(), 1);
  const std::span<const float> networks[] = {params};
  file << nn::to_onnx(layout, networks, lookback, {});
  return file.good() ? 0 : 1;
}

int answer_lines() {
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string what;
    std::size_t count = 0;
    words >> what >> count;
    const Samples samples = run(what, count);
    std::cout << '[';
    for (std::size_t i = 0; i < samples.size(); ++i)
      std::cout << (i == 0 ? "" : ",") << samples[i];
    std::cout << ']' << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace mop::bench

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--onnx") return mop::bench::write_onnx(argv[2]);
  return mop::bench::answer_lines();
}
