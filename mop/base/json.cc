#include "mop/base/json.h"

#include <charconv>
#include <cmath>

#include <fmt/format.h>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/src.hpp>

namespace mop {
namespace {

namespace bj = boost::json;

class Writer {
 public:
  explicit Writer(int indent) : indent_(indent) {}

  void write(const bj::value& v) {
    switch (v.kind()) {
      case bj::kind::double_:
        return number(v.get_double());
      case bj::kind::object:
        return object(v.get_object());
      case bj::kind::array:
        return array(v.get_array());
      default:
        out_ += bj::serialize(v);
    }
  }
  std::string take() { return std::move(out_); }

 private:
  void number(double x) {
    if (!std::isfinite(x)) {
      out_ += "null";
      return;
    }
    char text[32];
    const auto end = std::to_chars(text, text + sizeof(text), x).ptr;
    out_.append(text, end);
  }
  void object(const bj::object& members) {
    open('{');
    for (const auto& [key, value] : members) {
      separate();
      out_ += bj::serialize(key);
      out_ += indent_ > 0 ? ": " : ":";
      write(value);
      first_ = false;
    }
    close('}');
  }
  void array(const bj::array& items) {
    open('[');
    for (const auto& value : items) {
      separate();
      write(value);
      first_ = false;
    }
    close(']');
  }
  void open(char c) {
    out_ += c;
    ++depth_;
    first_ = true;
  }
  void separate() {
    if (!first_) out_ += ',';
    new_line();
  }
  void close(char c) {
    --depth_;
    if (!first_) new_line();
    out_ += c;
    first_ = false;
  }
  void new_line() {
    if (indent_ > 0) out_ += fmt::format("\n{:{}}", "", depth_ * indent_);
  }

  int indent_;
  int depth_ = 0;
  bool first_ = true;
  std::string out_;
};

// Builds values like Boost's own parser, but reads doubles with from_chars: Boost.JSON 1.81 may be off by one
// unit in the last place, and what MOP writes must read back to the same number.
class ExactHandler {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  bool on_document_begin(bj::error_code&) { return reset(); }
  bool on_document_end(bj::error_code&) { return true; }
  bool on_object_begin(bj::error_code&) { return true; }
  bool on_object_end(std::size_t n, bj::error_code&) { return stack_.push_object(n), true; }
  bool on_array_begin(bj::error_code&) { return true; }
  bool on_array_end(std::size_t n, bj::error_code&) { return stack_.push_array(n), true; }
  bool on_key_part(bj::string_view s, std::size_t, bj::error_code&) { return stack_.push_chars(s), true; }
  bool on_key(bj::string_view s, std::size_t, bj::error_code&) { return stack_.push_key(s), true; }
  bool on_string_part(bj::string_view s, std::size_t, bj::error_code&) { return stack_.push_chars(s), true; }
  bool on_string(bj::string_view s, std::size_t, bj::error_code&) { return stack_.push_string(s), true; }
  bool on_number_part(bj::string_view s, bj::error_code&) {
    number_.append(s.data(), s.size());
    return true;
  }
  bool on_int64(std::int64_t i, bj::string_view, bj::error_code&) {
    return number_.clear(), stack_.push_int64(i), true;
  }
  bool on_uint64(std::uint64_t u, bj::string_view, bj::error_code&) {
    return number_.clear(), stack_.push_uint64(u), true;
  }
  bool on_double(double rounded, bj::string_view s, bj::error_code&) {
    number_.append(s.data(), s.size());
    double exact = rounded;  // kept where the value is beyond the range of a double
    std::from_chars(number_.data(), number_.data() + number_.size(), exact);
    number_.clear();
    stack_.push_double(exact);
    return true;
  }
  bool on_bool(bool b, bj::error_code&) { return stack_.push_bool(b), true; }
  bool on_null(bj::error_code&) { return stack_.push_null(), true; }
  bool on_comment_part(bj::string_view, bj::error_code&) { return true; }
  bool on_comment(bj::string_view, bj::error_code&) { return true; }

  bj::value release() { return stack_.release(); }

 private:
  bool reset() {
    stack_.reset();
    number_.clear();
    return true;
  }

  bj::value_stack stack_;
  std::string number_;  // of the number that is being read
};

}  // namespace

std::string to_json_text(const bj::value& value, int indent) {
  Writer writer(indent);
  writer.write(value);
  return writer.take();
}

Result<bj::value> parse_json(std::string_view text, std::string_view what) {
  bj::parse_options options;
  options.max_depth = 64;
  bj::basic_parser<ExactHandler> parser(options);
  bj::error_code error;
  const std::size_t read = parser.write_some(false, text.data(), text.size(), error);
  if (!error && read < text.size()) error = bj::error::extra_data;
  if (error) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("{} is not valid JSON near byte {}: {}", what, read, error.message()));
  }
  return parser.handler().release();
}

std::string text_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* v = object.if_contains(key);
  return v != nullptr && v->is_string() ? std::string(v->get_string()) : std::string();
}

const boost::json::object* object_member(const boost::json::object& object, std::string_view key) {
  const boost::json::value* v = object.if_contains(key);
  return v == nullptr ? nullptr : v->if_object();
}

}  // namespace mop
