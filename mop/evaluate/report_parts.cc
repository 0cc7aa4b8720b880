#include "mop/evaluate/report_parts.h"

#include <fmt/format.h>

#include "mop/base/escape_html.h"
#include "mop/evaluate/report_charts.h"
#include "mop/evaluate/verdict.h"

namespace mop::evaluate {

std::string legend(const std::vector<LegendKey>& keys) {
  std::string html = "<div class=\"legend\">";
  for (const LegendKey& k : keys)
    html += fmt::format("<span><i class=\"{}\"></i>{}</span>", k.css_class, escape_html(k.name));
  return html + "</div>";
}

std::string card(std::string_view title, std::string_view explained, std::string_view chart,
                 std::string_view keys) {
  return fmt::format("<figure class=\"card\"><figcaption>{}<small>{}</small></figcaption>{}{}</figure>",
                     escape_html(title), escape_html(explained), chart, keys);
}

std::string section(std::string_view id, std::string_view title, std::string_view lead,
                    std::string_view body) {
  return fmt::format("<section id=\"{}\"><h2>{}</h2><p class=\"lead\">{}</p>{}</section>", id,
                     escape_html(title), escape_html(lead), body);
}

std::string title_of(const SeriesScores& s) {
  return fmt::format("{} {}{}", s.symbol, market::to_string(s.interval),
                     s.kind == "unified" ? ", unified" : "");
}

std::string fan_card(const FanSample& sample) {
  return card(fmt::format("{} {}", sample.symbol, market::to_string(sample.interval)),
              fmt::format("{} model, newest {} scored candles", sample.kind, sample.close.size()),
              fan_chart(sample));
}

std::string fan_legend() {
  return legend(
      {{"kink", "close"}, {"k1", "median forecast"}, {"k50 area", "50 % band"}, {"k90 area", "90 % band"}});
}

std::string suspicion_lines(const SeriesScores& s) {
  std::string lines;
  for (const std::string& text : leak_suspicions(s)) {
    lines += fmt::format("<p>Suspect a leak in {}: {}.</p>", escape_html(title_of(s)), escape_html(text));
  }
  return lines;
}

}  // namespace mop::evaluate
