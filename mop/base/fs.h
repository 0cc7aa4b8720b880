// The file-system seam. Everything MOP keeps is written through here, so that no partial file is ever
// visible and tests can make a disk fail.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"

namespace mop {

class Fs {
 public:
  virtual ~Fs() = default;
  /// Whole file. Errors: kNotFound, kIo.
  virtual Result<std::string> read(const std::string& path) = 0;
  /// Writes beside the target, syncs, renames over it, syncs the directory: readers see the old bytes or the
  /// new ones. Creates missing parent directories. Errors: kIo naming path and reason; the old file stays.
  virtual Result<void> write_atomically(const std::string& path, std::string_view bytes) = 0;
  /// Cuts the file to `offset` bytes, appends, syncs. `offset` must be <= the size: what lies behind it is a
  /// torn tail. Creates the file when it is missing and offset is 0. Errors: kIo.
  virtual Result<void> append_at(const std::string& path, std::uint64_t offset, std::string_view bytes) = 0;
  /// Size in bytes. Errors: kNotFound, kIo.
  virtual Result<std::uint64_t> size(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  /// Deletes a file; a missing one is no error. Errors: kIo.
  virtual Result<void> remove(const std::string& path) = 0;
  /// Names (not paths) of the regular files in a directory, sorted; empty when there is none.
  virtual std::vector<std::string> list(const std::string& directory) = 0;
};

/// The real one.
class PosixFs final : public Fs {
 public:
  Result<std::string> read(const std::string& path) override;
  Result<void> write_atomically(const std::string& path, std::string_view bytes) override;
  Result<void> append_at(const std::string& path, std::uint64_t offset, std::string_view bytes) override;
  Result<std::uint64_t> size(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<void> remove(const std::string& path) override;
  std::vector<std::string> list(const std::string& directory) override;
};

/// An exclusive lock on a file, held until destruction or process death (flock).
class FileLock {
 public:
  /// Errors: kUnavailable naming the process that holds it, kIo.
  static Result<FileLock> acquire(const std::string& path);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_ = -1;
};

}  // namespace mop
