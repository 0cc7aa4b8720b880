#include "mop/base/log.h"

#include <memory>

#include <fmt/format.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

namespace mop {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{10} * 1024 * 1024;
constexpr std::size_t kKeptFiles = 3;

std::shared_ptr<spdlog::logger>& logger() {
  static auto instance =
      std::make_shared<spdlog::logger>("mop", std::make_shared<spdlog::sinks::null_sink_mt>());
  return instance;
}

// An entry is one line whatever it quotes: errors carry texts of other machines.
std::string one_line(std::string_view message) {
  std::string line(message);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

Result<void> log_to_file(const std::string& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(path, kMaxBytes, kKeptFiles);
    auto fresh = std::make_shared<spdlog::logger>("mop", std::move(sink));
    fresh->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    fresh->flush_on(spdlog::level::info);
    logger() = std::move(fresh);
    return {};
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::kIo, fmt::format("cannot write the log {}: {}", path, error.what()));
  }
}

void log_info(std::string_view message) {
  logger()->info(one_line(message));
}
void log_warning(std::string_view message) {
  logger()->warn(one_line(message));
}
void log_error(std::string_view message) {
  logger()->error(one_line(message));
}

}  // namespace mop
