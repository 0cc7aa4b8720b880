// Times the loading of every stored series of a data directory on one core: `mop_bench_csv DIR` prints one
// JSON object. bench/csv/run.sh puts it beside pandas.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "mop/base/clock.h"
#include "mop/base/fs.h"
#include "mop/store/candle_store.h"

namespace {

// Of this thread: a neighbour that takes the core for a while does not count.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

struct Loaded {
  double bytes = 0.0, seconds = 0.0, checksum = 0.0;
  std::size_t rows = 0;
};

// Every series once, one after the other, from files in the page cache to columns of doubles.
Loaded load_all(mop::store::CandleStore& store, mop::Fs& fs, const std::vector<mop::store::SeriesKey>& keys) {
  Loaded sum;
  for (const auto& key : keys) {
    sum.bytes += static_cast<double>(fs.size(store.path(key.symbol, key.interval)).value_or(0));
    const double begin = processor_seconds();
    const auto series = store.load(key.symbol, key.interval);
    sum.seconds += processor_seconds() - begin;
    if (!series) continue;
    sum.rows += series->size();
    sum.checksum += series->close.back() + series->volume.back();
  }
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: mop_bench_csv DIRECTORY\n");
    return 2;
  }
  mop::PosixFs fs;
  mop::SystemClock clock;
  mop::store::CandleStore store(argv[1], fs, clock);
  const std::vector<mop::store::SeriesKey> keys = store.series();
  const long before = peak_kib();
  Loaded best = load_all(store, fs, keys);
  const long added = peak_kib() - before;
  for (int run = 1; run < 5; ++run) {
    const Loaded again = load_all(store, fs, keys);
    if (again.seconds < best.seconds) best = again;
  }
  std::printf(
      "{\"files\":%zu,\"rows\":%zu,\"bytes\":%.0f,\"seconds\":%.6f,\"peak_kib\":%ld,\"checksum\":%.17g}\n",
      keys.size(), best.rows, best.bytes, best.seconds, added, best.checksum);
  return best.rows > 0 ? 0 : 1;
}
