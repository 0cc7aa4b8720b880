// From scaled rows to the sequences a network reads. Window mode is the special case of one scored position.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "mop/dataset/scaler.h"
#include "mop/dataset/series_data.h"

namespace mop::dataset {

/// A stretch of rows whose targets are taken from one sequence: rows [first, first + count), count <= scored.
/// The sequence itself begins lookback - 1 rows earlier, so the first row already has a full window.
struct Chunk {
  std::size_t first, count;
};

/// Sequences side by side, time-major as the network wants them.
struct Sequences {
  std::size_t batch = 0, scored = 0;
  struct Branch {
    std::size_t steps = 0;
    std::vector<float> x;                 // (T, B, F)
    std::vector<std::int32_t> read_step;  // (S, B): the step whose state answers for scored position s
    std::vector<std::pair<const SeriesData*, std::int64_t>> starts;  // (B): the row each sequence begins with
    // (T, B): places with the same number 0..distinct-1 hold the same row, as those of overlapping windows
    // do; empty until number_rows().
    std::vector<std::int32_t> row_of;
    std::size_t distinct = 0;
  };
  std::vector<Branch> branches;
  std::vector<std::uint8_t> usable;  // (S, B): inside its chunk, a full window without a hole in every branch

  /// Finds the rows that sequences share; after the last build_at().
  void number_rows();
};

/// The rows one model reads: its own timeframe, or for a unified model the 15m rows and, joined as of each
/// 15m close, the hours that had closed by then. Row numbers are the first branch's. Borrows the SeriesData.
class SequenceBuilder {
 public:
  struct Branch {
    const SeriesData* data;
    Scaler scaler;
  };
  /// One branch, or two: 15m first, then 1h. `lookback` >= 1 is the window length in candles of each branch.
  SequenceBuilder(std::vector<Branch> branches, std::size_t lookback);

  std::size_t heads() const { return branches_.size(); }
  std::size_t rows() const { return primary().rows(); }
  const SeriesData& primary() const { return *branches_[0].data; }
  const SeriesData& series(std::size_t head) const { return *branches_[head].data; }

  /// True when row t has a full window in every branch.
  bool has_window(std::size_t t) const;
  /// The row of `head`'s own series that closes exactly when row t does, -1 when there is none: an hour is
  /// forecast only from the 15m candle that ends with it.
  std::int64_t row_of(std::size_t head, std::size_t t) const;

  /// Row of a branch's own series that a sequence reading row t of the first branch reads there, -1 when
  /// there is none.
  std::int64_t branch_row(std::size_t branch, std::size_t t) const;
  /// Steps of a sequence in a branch.
  std::size_t steps(std::size_t branch, std::size_t scored) const;

  /// Cuts the rows of [begin, end) that have windows into chunks of at most `scored` rows. `offset` < scored
  /// shifts the cuts, so that epochs see the same rows behind different warm-ups.
  std::vector<Chunk> chunks(std::size_t begin, std::size_t end, std::size_t scored, std::size_t offset) const;

  /// Scales the chunks' rows into `out`, reusing its memory.
  void build(std::span<const Chunk> chunks, std::size_t scored, Sequences& out) const;
  /// The same in parts, for batches of several series: shape() makes room for `batch` sequences of any
  /// builder with the same inputs and lookback, build_at() fills place b.
  void shape(std::size_t batch, std::size_t scored, Sequences& out) const;
  void build_at(const Chunk& chunk, std::size_t b, Sequences& out) const;

 private:
  void build_branch(std::size_t branch, const Chunk& chunk, std::size_t b, Sequences& out) const;

  std::vector<Branch> branches_;
  std::vector<std::int32_t> hour_of_;  // per primary row, empty for one branch
  std::size_t lookback_;
};

}  // namespace mop::dataset
