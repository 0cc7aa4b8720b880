// The tables of the HTML report.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "mop/evaluate/report_data.h"

namespace mop::evaluate {

/// The accuracy once asked for, percent (docs: science, section 1).
inline constexpr double kWishedMapePct = 0.001;

/// A number in printf-like fmt notation, or an en dash when it is unknown.
std::string figure_or_dash(double x, const char* format);

/// The main figures: one row a series, which links to its coin's page, then one a pool.
std::string scores_table(std::span<const SeriesScores> series, std::span<const SeriesScores> pooled);

/// Every figure with its meaning: one row a figure, one column a series.
std::string figures_table(std::span<const SeriesScores> series);

/// How far the wished MAPE is from what a tick, and knowing every direction, would give.
std::string tick_floor_table(std::span<const SeriesScores> series);

/// The pools of each fold.
std::string folds_table(const std::vector<PartScores>& folds);

std::string canaries_table(const ReportData& data);

}  // namespace mop::evaluate
