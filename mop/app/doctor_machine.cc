// `mop doctor`: the program and the machine it runs on.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "mop/app/doctor.h"
#include "mop/app/open_files.h"

namespace mop::app {
namespace {

namespace stdfs = std::filesystem;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20, kGiB = std::uint64_t{1} << 30;
constexpr std::uint64_t kLittleRoom = kGiB;
// A candle file that is rewritten stands twice for a moment, and ten years of quarters of an hour are 50 MB.
constexpr std::uint64_t kNoRoom = 64 * kMiB;

std::string bytes_text(std::uint64_t bytes) {
  return bytes >= kGiB ? fmt::format("{:.1f} GiB", static_cast<double>(bytes) / static_cast<double>(kGiB))
                       : fmt::format("{} MiB", bytes / kMiB);
}

std::string refusal_of(const std::string& path, int mode) {
  return ::access(path.c_str(), mode) == 0 ? "" : fmt::format("{}: {}", path, std::strerror(errno));
}

// The directory itself or the nearest one above it that is there.
stdfs::path existing(const std::string& directory) {
  std::error_code ignored;
  stdfs::path at = directory.empty() ? "." : directory;
  while (!stdfs::exists(at, ignored)) {
    const stdfs::path above = at.has_parent_path() ? at.parent_path() : stdfs::path(".");
    if (above == at) break;
    at = above;
  }
  return at;
}

Place look_at_parent(const std::string& path, const std::string& directory) {
  const stdfs::path at = existing(directory);
  Place place{path, 0, ""};
  std::error_code error;
  if (!stdfs::is_directory(at, error)) {
    place.problem = fmt::format("{} is no directory", at.string());
    return place;
  }
  place.problem = refusal_of(at.string(), W_OK | X_OK);
  const stdfs::space_info space = stdfs::space(at, error);
  if (!error) place.free_bytes = space.available;
  return place;
}

}  // namespace

std::string_view to_string(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kWarn:
      return "warn";
    case CheckState::kFail:
      return "fail";
    case CheckState::kSkipped:
      return "skipped";
  }
  return "unknown";
}

Check check_program(const BuildInfo& build) {
  return {"program", CheckState::kOk,
          fmt::format("mop {} ({}), {}, CUDA {}", build.version, build.commit, build.flags,
                      build.cuda ? "built in" : "not built in"),
          ""};
}

Check check_cpu(std::size_t cores, std::string_view instruction_set) {
  const std::string usable = fmt::format("{} usable core{}", cores, cores == 1 ? "" : "s");
  if (instruction_set == "EMU128" || instruction_set == "SCALAR") {
    return {"cpu", CheckState::kWarn, usable + ", no vector instructions that mop knows",
            "training and forecasts are several times slower here; run `mop train` on another machine and "
            "copy its models"};
  }
  const std::string_view common = instruction_set.starts_with("AVX3") ? " (AVX-512)" : "";
  return {"cpu", CheckState::kOk, fmt::format("{}, networks run on {}{}", usable, instruction_set, common),
          ""};
}

Check check_gpu(const Result<nn::cuda::DeviceInfo>& gpu, bool cuda_built_in, std::string_view device) {
  if (gpu) {
    const std::string found =
        fmt::format("{}, {} of {} free, compute capability {}.{}, driver for CUDA {}.{}", gpu->name,
                    bytes_text(gpu->free_bytes), bytes_text(gpu->memory_bytes), gpu->compute_major,
                    gpu->compute_minor, gpu->driver_version / 1000, gpu->driver_version % 1000 / 10);
    return {"gpu", CheckState::kOk,
            found + (device == "cpu" ? "; not used, device is cpu" : "; `mop train` trains there"), ""};
  }
  if (device == "cuda") {
    return {"gpu", CheckState::kFail, fmt::format("device is cuda: {}", gpu.error().message),
            "set device = \"auto\" in mop.toml, or use --device cpu"};
  }
  if (cuda_built_in) {
    return {"gpu", CheckState::kSkipped, "mop trains on the CPU: " + gpu.error().message, ""};
  }
  return {"gpu", CheckState::kSkipped, "mop trains on the CPU: CUDA is not built in",
          "where nvcc and an NVIDIA GPU are, `cmake --preset cuda && cmake --build build/cuda` builds it in"};
}

Place look_at_directory(Fs& fs, const std::string& path) {
  Place place = look_at_parent(path, path);
  for (const std::string& name : fs.list(path)) {  // appending opens a file that is there
    if (place.problem.empty()) place.problem = refusal_of(fmt::format("{}/{}", path, name), W_OK);
  }
  return place;
}

Place look_at_file(const std::string& path) {
  Place place = look_at_parent(path, stdfs::path(path).parent_path().string());
  std::error_code ignored;
  if (place.problem.empty() && stdfs::exists(path, ignored)) place.problem = refusal_of(path, W_OK);
  return place;
}

Check check_disk(std::span<const Place> places) {
  std::string paths, problems;
  for (const Place& place : places) {
    paths += (paths.empty() ? "" : ", ") + place.path;
    if (!place.problem.empty()) problems += (problems.empty() ? "" : "; ") + place.problem;
  }
  if (!problems.empty()) {
    return {"disk", CheckState::kFail, "cannot be written: " + problems,
            "`ls -ld` tells whose they are: give them to the user that runs mop, or name others with "
            "--data-dir, --models-dir, --db"};
  }
  const auto& tightest = *std::min_element(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.free_bytes < b.free_bytes;
  });
  const std::uint64_t room = tightest.free_bytes;
  if (room >= kLittleRoom) {
    return {"disk", CheckState::kOk, fmt::format("{} free for {}", bytes_text(room), paths), ""};
  }
  return {"disk", room < kNoRoom ? CheckState::kFail : CheckState::kWarn,
          fmt::format("only {} free where {} is", bytes_text(room), tightest.path),
          "`df -h` shows which file system is full: make room, or name a place elsewhere with --data-dir, "
          "--models-dir, --db"};
}

Check check_open_files(std::size_t wanted, std::size_t fitting) {
  if (fitting >= wanted) {
    return {"open files", CheckState::kOk, fmt::format("enough for {} connections to `mop serve`", wanted),
            ""};
  }
  return {"open files", CheckState::kWarn,
          fmt::format("`mop serve` takes {} connections at once instead of {}", fitting, wanted),
          fmt::format("raise the hard limit to {}: `ulimit -Hn`, under systemd LimitNOFILE=",
                      wanted + kOwnFiles)};
}

}  // namespace mop::app
