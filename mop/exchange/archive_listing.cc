#include "mop/exchange/archive_listing.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace mop::exchange {
namespace {

constexpr std::size_t kMaxKey = 1024;  // S3's own limit

tl::unexpected<Error> bad(std::string_view why) {
  return fail(ErrorCode::kCorrupt, fmt::format("the archive's listing is not S3's XML: {}", why));
}

// "amp" or "#38"; nothing for what is not known.
std::optional<char> entity(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, char>, 5> kNamed{
      {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}}};
  for (const auto& [known, c] : kNamed) {
    if (name == known) return c;
  }
  if (!name.starts_with('#')) return std::nullopt;
  name.remove_prefix(1);
  const int base = name.starts_with('x') ? 16 : 10;
  if (base == 16) name.remove_prefix(1);
  int code = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), code, base);
  if (name.empty() || error != std::errc{} || end != name.data() + name.size() || code < 32 || code > 126) {
    return std::nullopt;
  }
  return static_cast<char>(code);
}

Result<std::string> plain_text(std::string_view raw) {
  std::string text;
  while (!raw.empty()) {
    if (raw[0] != '&') {
      text += raw[0];
      raw.remove_prefix(1);
      continue;
    }
    const std::size_t end = raw.substr(0, 12).find(';');
    const auto c = end == std::string_view::npos ? std::nullopt : entity(raw.substr(1, end - 1));
    if (!c) return bad("an unknown entity");
    text += *c;
    raw.remove_prefix(end + 1);
  }
  if (text.size() > kMaxKey) return bad(fmt::format("a text of {} bytes", text.size()));
  return text;
}

// Goes over the elements; hands out the text of those that hold only text.
class Scanner {
 public:
  explicit Scanner(std::string_view xml) : rest_(xml) {}

  // The next "<name ...>text</name" with only text inside, or nothing at the end.
  Result<std::optional<std::pair<std::string_view, std::string_view>>> next() {
    while (true) {
      const std::size_t open = rest_.find('<');
      if (open == std::string_view::npos)
        return std::optional<std::pair<std::string_view, std::string_view>>();
      rest_.remove_prefix(open + 1);
      const std::size_t close = rest_.find('>');
      if (close == std::string_view::npos) return bad("an unclosed tag");
      const std::string_view tag = rest_.substr(0, close);
      rest_.remove_prefix(close + 1);
      if (tag.empty() || tag[0] == '/' || tag[0] == '?' || tag[0] == '!' || tag.back() == '/') continue;
      const std::string_view name = tag.substr(0, tag.find_first_of(" \t\r\n"));
      const std::size_t end = rest_.find('<');
      if (end == std::string_view::npos) return bad(fmt::format("an unclosed <{}>", name.substr(0, 40)));
      const std::string_view behind = rest_.substr(end + 1);
      if (!behind.starts_with('/') || !behind.substr(1).starts_with(name)) continue;  // it holds elements
      return std::optional(std::pair(name, rest_.substr(0, end)));
    }
  }

 private:
  std::string_view rest_;
};

}  // namespace

Result<ArchiveListing> parse_archive_listing(std::string_view xml) {
  if (xml.substr(0, 1024).find("<ListBucketResult") == std::string_view::npos) {
    return bad("it does not begin with ListBucketResult");
  }
  ArchiveListing listing;
  Scanner scanner(xml);
  while (true) {
    MOP_TRY_ASSIGN(const auto element, scanner.next());
    if (!element) return listing;
    const auto& [name, raw] = *element;
    MOP_TRY_ASSIGN(std::string text, plain_text(raw));
    if (name == "Key") {
      listing.keys.push_back(std::move(text));
    } else if (name == "IsTruncated") {
      listing.truncated = text == "true";
    } else if (name == "NextMarker") {
      listing.next_marker = std::move(text);
    } else if (name == "NextContinuationToken") {
      listing.next_token = std::move(text);
    }
  }
}

}  // namespace mop::exchange
