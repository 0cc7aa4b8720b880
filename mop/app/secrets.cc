#include "mop/app/secrets.h"

#include <cstdlib>

namespace mop::app {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string_view unquoted(std::string_view text) {
  const bool quoted =
      text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

}  // namespace

Result<std::string> secret(Fs& fs, std::string_view name) {
  if (const char* value = std::getenv(std::string(name).c_str()); value != nullptr && *value != '\0')
    return value;
  const auto file = fs.read(".env");
  if (!file && file.error().code == ErrorCode::kNotFound) return std::string();
  if (!file) return fail(file.error());
  std::string_view rest = *file;
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    const std::string_view line = trimmed(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || trimmed(line.substr(0, equals)) != name) continue;
    return std::string(unquoted(trimmed(line.substr(equals + 1))));
  }
  return std::string();
}

}  // namespace mop::app
