#include "mop/base/fs.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

namespace mop {
namespace {

namespace stdfs = std::filesystem;

tl::unexpected<Error> io_error(std::string_view action, const std::string& path, int error_number) {
  const ErrorCode code = error_number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo;
  return fail(code, fmt::format("cannot {} {}: {}", action, path, std::strerror(error_number)));
}

class Descriptor {  // closes on scope exit; close() reports what the kernel says
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

Result<void> write_all(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> sync_directory(const std::string& directory) {
  const Descriptor dir(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0) return io_error("open", directory, errno);
  if (::fsync(dir.get()) != 0) return io_error("sync", directory, errno);
  return {};
}

std::string parent_of(const std::string& path) {
  const std::string parent = stdfs::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

Result<void> make_parents(const std::string& path) {
  std::error_code error;
  stdfs::create_directories(parent_of(path), error);
  if (error) return io_error("create directory", parent_of(path), error.value());
  return {};
}

Result<void> write_new_file(const std::string& path, std::string_view bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (file.get() < 0) return io_error("create", path, errno);
  MOP_TRY(write_all(file.get(), bytes, path));
  if (::fsync(file.get()) != 0) return io_error("sync", path, errno);
  if (file.close() != 0) return io_error("close", path, errno);
  return {};
}

}  // namespace

Result<std::string> PosixFs::read(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return io_error("read", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return io_error("read", path, errno);
  if (S_ISDIR(info.st_mode)) return io_error("read", path, EISDIR);
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return io_error("read", path, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

Result<void> PosixFs::write_atomically(const std::string& path, std::string_view bytes) {
  MOP_TRY(make_parents(path));
  const std::string aside = fmt::format("{}.tmp.{}", path, ::getpid());
  if (auto written = write_new_file(aside, bytes); !written) {
    ::unlink(aside.c_str());
    return written;
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    const int error_number = errno;
    ::unlink(aside.c_str());
    return io_error("rename to", path, error_number);
  }
  return sync_directory(parent_of(path));
}

Result<void> PosixFs::append_at(const std::string& path, std::uint64_t offset, std::string_view bytes) {
  MOP_TRY(make_parents(path));
  const bool is_new = !exists(path);
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
  if (file.get() < 0) return io_error("open", path, errno);
  if (::ftruncate(file.get(), static_cast<off_t>(offset)) != 0) return io_error("cut", path, errno);
  if (::lseek(file.get(), 0, SEEK_END) < 0) return io_error("seek in", path, errno);
  MOP_TRY(write_all(file.get(), bytes, path));
  if (::fsync(file.get()) != 0) return io_error("sync", path, errno);
  if (file.close() != 0) return io_error("close", path, errno);
  return is_new ? sync_directory(parent_of(path)) : Result<void>{};
}

Result<std::uint64_t> PosixFs::size(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return io_error("look at", path, errno);
  return static_cast<std::uint64_t>(info.st_size);
}

bool PosixFs::exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Result<void> PosixFs::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error("delete", path, errno);
  return {};
}

std::vector<std::string> PosixFs::list(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (stdfs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->is_regular_file(error)) names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<FileLock> FileLock::acquire(const std::string& path) {
  MOP_TRY(make_parents(path));
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return io_error("open", path, errno);
  FileLock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = "unknown";
    const ssize_t n = ::pread(fd, holder, sizeof(holder) - 1, 0);
    if (n > 0) holder[n] = '\0';
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("{} is held by another mop process (pid {}); wait for it or stop it", path, holder));
  }
  const std::string pid = fmt::format("{}", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return io_error("write", path, errno);
  }
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace mop
