#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/fs.h"
#include "mop/base/result.h"
#include "mop/store/candle_csv.h"
#include "mop/store/gap.h"
#include "mop/store/metadata.h"

namespace mop::store {

struct VerifyReport {
  std::string symbol;
  market::Interval interval = market::Interval::k1h;
  std::size_t rows = 0;              // rows that obey every rule of their own
  std::vector<RowProblem> problems;  // in file order, then rule "metadata" (line 0)
  std::vector<Gap> holes;            // missing candles with their reason: no problem of the file
};

/// Checks one stored file to the last byte: header, columns, grid, order, duplicates, OHLC sanity, torn tail,
/// and `saved` (nullptr: metadata.json has no entry) against it. Reads only. Errors: kNotFound, kIo.
Result<VerifyReport> verify_file(Fs& fs, const std::string& path, std::string_view symbol,
                                 market::Interval interval, const FileMetadata* saved);

}  // namespace mop::store
