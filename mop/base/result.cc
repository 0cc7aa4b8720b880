#include "mop/base/result.h"

#include <array>

namespace mop {
namespace {

constexpr std::array<std::pair<ErrorCode, std::string_view>, 10> kNames{{
    {ErrorCode::kInvalidArgument, "invalid_argument"},
    {ErrorCode::kNotFound, "not_found"},
    {ErrorCode::kCorrupt, "corrupt"},
    {ErrorCode::kUnavailable, "unavailable"},
    {ErrorCode::kRateLimited, "rate_limited"},
    {ErrorCode::kUnsupported, "unsupported"},
    {ErrorCode::kDeviceLost, "device_lost"},
    {ErrorCode::kIo, "io"},
    {ErrorCode::kInterrupted, "interrupted"},
    {ErrorCode::kRefused, "refused"},
}};

}  // namespace

std::string_view to_string(ErrorCode code) {
  for (const auto& [known, name] : kNames)
    if (known == code) return name;
  return "unknown";
}

ErrorCode parse_error_code(std::string_view name, ErrorCode otherwise) {
  for (const auto& [code, known] : kNames)
    if (known == name) return code;
  return otherwise;
}

}  // namespace mop
