#include "mop/train/checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "mop/base/sha256.h"
#include "mop/nn/safetensors.h"
#include "mop/train/model_file.h"

namespace mop::train {
namespace {

constexpr std::string_view kWhat = "training checkpoint";

// Doubles as the bits they are made of: nothing is rounded, whatever the value.
std::string numbers_text(const TrainingState& s) {
  return fmt::format("{},{},{},{},{},{}", s.adam.steps, s.updates, s.epochs, s.best_epoch,
                     std::bit_cast<std::uint64_t>(s.train_loss),
                     std::bit_cast<std::uint64_t>(s.best_val_loss));
}

bool read_numbers(std::string_view text, TrainingState& s) {
  std::array<std::uint64_t, 6> n{};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < n.size(); ++i) {
    if (i > 0 && (at == end || *at++ != ',')) return false;
    const auto [next, error] = std::from_chars(at, end, n[i]);
    if (error != std::errc()) return false;
    at = next;
  }
  s.adam.steps = n[0];
  s.updates = n[1];
  s.epochs = n[2];
  s.best_epoch = n[3];
  s.train_loss = std::bit_cast<double>(n[4]);
  s.best_val_loss = std::bit_cast<double>(n[5]);
  return at == end && s.best_epoch <= s.epochs && std::isfinite(s.best_val_loss);
}

}  // namespace

std::string training_fingerprint(const Pool& pool, std::size_t number) {
  std::string bytes;
  for (const Member& m : pool.members) {
    TrainedModel start = m.model;
    start.networks = {{initial_params(pool, number)}};
    bytes += sha256_hex(to_model_file(start));
  }
  return sha256_hex(bytes);
}

std::string to_checkpoint(const TrainingState& s, std::string_view fingerprint) {
  const std::size_t n = s.params.size();
  return nn::to_safetensors({{{"fingerprint", std::string(fingerprint)}, {"numbers", numbers_text(s)}},
                             {{"adam.mean", {n}, s.adam.mean},
                              {"adam.square", {n}, s.adam.square},
                              {"best", {n}, s.best},
                              {"params", {n}, s.params}}});
}

Result<TrainingState> parse_checkpoint(std::string_view bytes, std::string_view fingerprint,
                                       std::size_t params) {
  MOP_TRY_ASSIGN(nn::TensorFile file, nn::parse_safetensors(bytes, kWhat));
  TrainingState state;
  bool same = false, numbers = false;
  for (const auto& [key, value] : file.metadata) {
    if (key == "fingerprint") same = value == fingerprint;
    if (key == "numbers") numbers = read_numbers(value, state);
  }
  for (nn::NamedTensor& tensor : file.tensors) {
    if (tensor.name == "adam.mean") state.adam.mean = std::move(tensor.values);
    if (tensor.name == "adam.square") state.adam.square = std::move(tensor.values);
    if (tensor.name == "best") state.best = std::move(tensor.values);
    if (tensor.name == "params") state.params = std::move(tensor.values);
  }
  const auto fits = [params](const std::vector<float>& values) { return values.size() == params; };
  if (!same || !numbers || !fits(state.params) || !fits(state.best) || !fits(state.adam.mean) ||
      !fits(state.adam.square)) {
    return fail(ErrorCode::kCorrupt, fmt::format("{}: belongs to another training or is damaged", kWhat));
  }
  return state;
}

}  // namespace mop::train
