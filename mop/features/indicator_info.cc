#include "mop/features/indicator_info.h"

namespace mop::features {

std::string_view to_string(Scale scale) {
  switch (scale) {
    case Scale::kFree:
      return "none";
    case Scale::kPrice:
      return "as prices";
    case Scale::kVolume:
      return "as volumes";
  }
  return "unknown";
}

std::string_view to_string(InputSource source) {
  switch (source) {
    case InputSource::kCandles:
      return "candles";
    case InputSource::kTaker:
      return "taker volume";
    case InputSource::kMarket:
      return "market";
  }
  return "unknown";
}

}  // namespace mop::features
