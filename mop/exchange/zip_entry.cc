#include "mop/exchange/zip_entry.h"

#include <zip.h>

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace mop::exchange {
namespace {

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};

tl::unexpected<Error> bad(std::string_view what, std::string_view why) {
  return fail(ErrorCode::kCorrupt, fmt::format("{} is no usable zip file: {}", what, why));
}

std::string reason_of(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

Result<std::unique_ptr<zip_t, Discard>> opened(std::string_view zip, std::string_view what) {
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(zip.data(), zip.size(), 0, &error);
  if (source == nullptr) return bad(what, reason_of(error));
  std::unique_ptr<zip_t, Discard> archive(zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error));
  if (archive == nullptr) {
    zip_source_free(source);
    return bad(what, reason_of(error));
  }
  zip_error_fini(&error);
  return archive;
}

}  // namespace

Result<std::string> only_zip_entry(std::string_view zip, std::size_t max_bytes, std::string_view what) {
  MOP_TRY_ASSIGN(const auto archive, opened(zip, what));
  const zip_int64_t entries = zip_get_num_entries(archive.get(), 0);
  if (entries != 1) return bad(what, fmt::format("it must hold one file, holds {}", entries));
  const std::unique_ptr<zip_file_t, Discard> file(zip_fopen_index(archive.get(), 0, 0));
  if (file == nullptr) return bad(what, zip_strerror(archive.get()));
  // The size that the directory states is the sender's word; only what really comes out counts.
  constexpr std::size_t kStep = 256u << 10;
  std::string bytes;
  while (true) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kStep);
    const zip_int64_t got = zip_fread(file.get(), bytes.data() + before, kStep);
    if (got < 0) return bad(what, zip_file_strerror(file.get()));
    bytes.resize(before + static_cast<std::size_t>(got));
    if (bytes.size() > max_bytes) {
      return bad(what, fmt::format("its content must be at most {} bytes, was more", max_bytes));
    }
    if (got == 0) return bytes;
  }
}

}  // namespace mop::exchange
