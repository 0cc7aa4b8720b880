#pragma once
#include <string>
#include <string_view>

namespace mop {

/// Text fit for an element or a quoted attribute of HTML, SVG and XML: & < > " ' are replaced.
std::string escape_html(std::string_view text);

}  // namespace mop
