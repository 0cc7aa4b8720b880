// The safetensors file format: u64 header length, JSON header, raw little-endian tensors.
// Source: github.com/huggingface/safetensors, README "Format".
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mop/base/result.h"

namespace mop::nn {

struct NamedTensor {
  std::string name;
  std::vector<std::size_t> dims;  // empty for a single value
  std::vector<float> values;      // row-major, product of dims
};

struct TensorFile {
  std::vector<std::pair<std::string, std::string>> metadata;  // the header's __metadata__
  std::vector<NamedTensor> tensors;
};

/// The bytes of a file. Metadata keep their order, tensors are put in order of name (the format's writer
/// convention), the header is padded with spaces so that data start at a multiple of 8 bytes: equal content
/// gives equal bytes. REQUIRES: names are unique and not "__metadata__", values fit dims.
std::string to_safetensors(const TensorFile& file);

/// Reads what to_safetensors wrote, or any safetensors file whose tensors are all F32; tensors come in the
/// order of their data. `what` names the file in messages. Safe on hostile bytes.
/// Errors: kCorrupt saying which rule of the format is broken.
Result<TensorFile> parse_safetensors(std::string_view bytes, std::string_view what);

}  // namespace mop::nn
