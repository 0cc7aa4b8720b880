#include "mop/nn/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "mop/base/check.h"
#include "mop/base/json.h"

namespace mop::nn {
namespace {

namespace json = boost::json;

static_assert(std::endian::native == std::endian::little, "tensor data are copied as they lie in memory");

constexpr std::uint64_t kMaxHeader = 100'000'000;  // bytes, the format's own limit
constexpr std::string_view kMetadataKey = "__metadata__";

struct Entry {  // one tensor as the header describes it; begin and end are offsets into the data
  std::string name;
  std::vector<std::size_t> dims;
  std::uint64_t begin, end;
};

tl::unexpected<Error> corrupt(std::string_view what, std::string_view problem) {
  return fail(ErrorCode::kCorrupt,
              fmt::format("{} is not a sound safetensors file: {}; make or fetch it again", what, problem));
}

// JSON readers keep one of two equal keys in silence. The keys as written, escapes and all, are counted here
// and compared with the keys that were kept. `text` is valid JSON.
std::size_t count_keys_written(std::string_view text) {
  std::size_t keys = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '"') continue;
    for (++i; text[i] != '"'; ++i) {
      if (text[i] == '\\') ++i;
    }
    const std::size_t next = text.find_first_not_of(" \t\r\n", i + 1);
    if (next != std::string_view::npos && text[next] == ':') ++keys;
  }
  return keys;
}

std::size_t count_keys_kept(const json::value& value) {
  std::size_t keys = 0;
  if (const json::object* object = value.if_object()) {
    keys = object->size();
    for (const auto& member : *object)
      keys += count_keys_kept(member.value());
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& element : *array)
      keys += count_keys_kept(element);
  }
  return keys;
}

// A whole number >= 0 in either of the two ways the reader keeps them.
bool read_count(const json::value& value, std::uint64_t& out) {
  if (const std::int64_t* i = value.if_int64(); i && *i >= 0) {
    out = static_cast<std::uint64_t>(*i);
    return true;
  }
  if (const std::uint64_t* u = value.if_uint64()) {
    out = *u;
    return true;
  }
  return false;
}

bool multiply(std::uint64_t& product, std::uint64_t factor) {
  if (factor != 0 && product > std::numeric_limits<std::uint64_t>::max() / factor) return false;
  product *= factor;
  return true;
}

struct Parts {
  std::string_view header;  // JSON without its padding
  std::string_view data;
};

Result<Parts> split(std::string_view bytes, std::string_view what) {
  if (bytes.size() < 8) return corrupt(what, fmt::format("it has {} bytes, a header needs 8", bytes.size()));
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxHeader) {
    return corrupt(what, fmt::format("its header length is {}, the limit is {}", length, kMaxHeader));
  }
  if (length > bytes.size() - 8) {
    return corrupt(what,
                   fmt::format("its header promises {} bytes of JSON, {} follow", length, bytes.size() - 8));
  }
  std::string_view text = bytes.substr(8, length);
  if (text.empty() || text.front() != '{') return corrupt(what, "its header does not begin with {");
  text = text.substr(0, text.find_last_not_of(' ') + 1);
  if (text.back() != '}') return corrupt(what, "its header does not end with } and spaces");
  return Parts{text, bytes.substr(8 + length)};
}

// Empty when all is well, otherwise what is wrong with the entry.
std::string read_entry(const json::value& value, Entry& entry) {
  const json::object* object = value.if_object();
  if (!object) return "is not an object";
  const json::value* dtype = object->if_contains("dtype");
  if (!dtype || !dtype->is_string()) return "has no dtype";
  if (dtype->get_string() != "F32") {
    return fmt::format("has dtype {}, only F32 is read here", std::string_view(dtype->get_string()));
  }
  const json::value* shape = object->if_contains("shape");
  if (!shape || !shape->is_array()) return "has no shape";
  std::uint64_t size = sizeof(float);
  for (const json::value& dim : shape->get_array()) {
    std::uint64_t n = 0;
    if (!read_count(dim, n)) return "has a dimension that is not a whole number";
    if (!multiply(size, n)) return "has dimensions whose product overflows";
    entry.dims.push_back(n);
  }
  const json::value* offsets = object->if_contains("data_offsets");
  if (!offsets || !offsets->is_array() || offsets->get_array().size() != 2 ||
      !read_count(offsets->get_array()[0], entry.begin) || !read_count(offsets->get_array()[1], entry.end)) {
    return "has no data_offsets of two whole numbers";
  }
  if (entry.begin > entry.end || entry.end - entry.begin != size) {
    return fmt::format("needs {} bytes for its shape, its data_offsets are {} to {}", size, entry.begin,
                       entry.end);
  }
  return "";
}

Result<void> read_metadata(const json::value& value, std::string_view what, TensorFile& file) {
  const json::object* object = value.if_object();
  if (!object) return corrupt(what, "its __metadata__ is not an object");
  for (const auto& member : *object) {
    if (!member.value().is_string()) {
      return corrupt(
          what, fmt::format("its __metadata__ entry \"{}\" is not a string", std::string_view(member.key())));
    }
    file.metadata.emplace_back(member.key(), member.value().get_string());
  }
  return {};
}

// The tensors must fill the data from first to last byte, one after the other.
Result<void> check_offsets(const std::vector<Entry>& entries, std::uint64_t available,
                           std::string_view what) {
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at) {
      return corrupt(what, fmt::format("tensor \"{}\" begins at byte {} of the data, {} was its place",
                                       entry.name, entry.begin, at));
    }
    at = entry.end;
  }
  if (at > available) {
    return fail(
        ErrorCode::kCorrupt,
        fmt::format("{} is cut short: its header promises {} bytes of tensors, the file has {}; make or "
                    "fetch it again",
                    what, at, available));
  }
  if (at < available) {
    return corrupt(what, fmt::format("{} bytes follow its last tensor", available - at));
  }
  return {};
}

std::string write_header(const TensorFile& file, const std::vector<const NamedTensor*>& tensors) {
  json::object header;
  if (!file.metadata.empty()) {
    json::object metadata;
    for (const auto& [key, value] : file.metadata)
      metadata[key] = value;
    MOP_CHECK(metadata.size() == file.metadata.size()) << "a metadata key is used twice";
    header[kMetadataKey] = std::move(metadata);
  }
  std::uint64_t at = 0;
  for (const NamedTensor* tensor : tensors) {
    std::size_t size = 1;
    json::array shape;
    for (const std::size_t dim : tensor->dims) {
      size *= dim;
      shape.emplace_back(dim);
    }
    MOP_CHECK(tensor->values.size() == size) << tensor->name << " has " << tensor->values.size() << " values";
    MOP_CHECK(tensor->name != kMetadataKey && !header.contains(tensor->name)) << tensor->name << " is taken";
    const std::uint64_t end = at + size * sizeof(float);
    header[tensor->name] = {{"dtype", "F32"}, {"shape", std::move(shape)}, {"data_offsets", {at, end}}};
    at = end;
  }
  return to_json_text(json::value(std::move(header)));
}

}  // namespace

std::string to_safetensors(const TensorFile& file) {
  std::vector<const NamedTensor*> tensors;
  for (const NamedTensor& tensor : file.tensors)
    tensors.push_back(&tensor);
  std::ranges::sort(tensors, {}, [](const NamedTensor* t) { return std::string_view(t->name); });

  std::string header = write_header(file, tensors);
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes += header;
  for (const NamedTensor* tensor : tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor->values.data()), tensor->values.size() * sizeof(float));
  }
  return bytes;
}

Result<TensorFile> parse_safetensors(std::string_view bytes, std::string_view what) {
  MOP_TRY_ASSIGN(const Parts parts, split(bytes, what));
  MOP_TRY_ASSIGN(const json::value header, parse_json(parts.header, fmt::format("the header of {}", what)));
  if (count_keys_written(parts.header) != count_keys_kept(header)) {
    return corrupt(what, "its header uses a name twice");
  }
  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& member : header.get_object()) {
    if (member.key() == kMetadataKey) {
      MOP_TRY(read_metadata(member.value(), what, file));
      continue;
    }
    Entry& entry = entries.emplace_back(Entry{member.key(), {}, 0, 0});
    const std::string problem = read_entry(member.value(), entry);
    if (!problem.empty()) return corrupt(what, fmt::format("tensor \"{}\" {}", entry.name, problem));
  }
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  MOP_TRY(check_offsets(entries, parts.data.size(), what));
  for (Entry& entry : entries) {
    std::vector<float> values((entry.end - entry.begin) / sizeof(float));
    if (!values.empty()) std::memcpy(values.data(), parts.data.data() + entry.begin, entry.end - entry.begin);
    file.tensors.push_back({std::move(entry.name), std::move(entry.dims), std::move(values)});
  }
  return file;
}

}  // namespace mop::nn
