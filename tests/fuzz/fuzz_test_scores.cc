#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "mop/app/model_card.h"
#include "mop/market/interval.h"

// Scores that are accepted can be put onto a page.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto scores = mop::app::parse_test_scores({reinterpret_cast<const char*>(data), size}, "scores");
  if (!scores) return 0;
  mop::train::TrainedModel model;
  model.symbol = "BTCUSDT";
  model.networks.resize(1);
  model.branches.resize(1);
  if (mop::app::to_model_card("a/b", {&model, 1}, *scores).find("model-index") == std::string::npos)
    std::abort();
  return 0;
}
