// Pieces of the HTML report that its sections share. Texts are escaped here, unless said.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

struct LegendKey {
  std::string css_class;  // of the little line or area, style.cc
  std::string name;
};

std::string legend(const std::vector<LegendKey>& keys);

/// A framed chart with its title, one line of explanation and a legend. `chart` and `keys` are HTML.
std::string card(std::string_view title, std::string_view explained, std::string_view chart,
                 std::string_view keys = "");

/// A part of the page that links reach as #id. `body` is HTML.
std::string section(std::string_view id, std::string_view title, std::string_view lead,
                    std::string_view body);

/// "BTCUSDT 1h", and "BTCUSDT 1h, unified" for the unified model's.
std::string title_of(const SeriesScores& scores);

/// The newest forecasts of a series over what happened, and what their colours mean.
std::string fan_card(const FanSample& sample);
std::string fan_legend();

/// One line per leak suspicion of a series, "" when there is none.
std::string suspicion_lines(const SeriesScores& scores);

}  // namespace mop::evaluate
