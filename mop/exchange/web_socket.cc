#include "mop/exchange/web_socket.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string_view>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "mop/base/build_info.h"
#include "mop/base/check.h"
#include "mop/base/clock.h"

namespace mop::exchange {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = asio::ssl;
namespace websocket = beast::websocket;
using beast::error_code;
using tcp = asio::ip::tcp;

constexpr std::chrono::seconds kGoodbye{1};

struct Address {
  bool tls = false;
  std::string host, port, target;
  std::string name() const { return fmt::format("{}://{}:{}", tls ? "wss" : "ws", host, port); }
};

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  return read.ec == std::errc() && read.ptr == text.data() + text.size() && value >= 1 && value <= 65535;
}

std::optional<Address> parse_address(std::string_view url) {
  Address address;
  address.tls = url.starts_with("wss://");
  if (!address.tls && !url.starts_with("ws://")) return std::nullopt;
  url.remove_prefix(address.tls ? 6 : 5);
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  address.target = url.substr(authority.size());
  if (!address.target.starts_with('/')) address.target.insert(0, "/");
  const std::size_t colon = authority.find(':');
  address.host = authority.substr(0, colon);
  address.port = colon != std::string_view::npos ? authority.substr(colon + 1) : address.tls ? "443" : "80";
  const auto unfit = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  const bool clean = std::none_of(url.begin(), url.end(), unfit);
  if (!clean || address.host.empty() || address.host.find('@') != std::string::npos || !is_port(address.port))
    return std::nullopt;
  return address;
}

// One connection of any layer; everything happens on the thread that runs the io_context. A pending operation
// keeps it alive.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start(const std::shared_ptr<asio::io_context>& io) = 0;
  virtual void leave() = 0;  // with a goodbye
  virtual void drop() = 0;   // at once
};

// A layer that hangs up as soon as the goodbyes are said. Beast's own way waits, without end, for the other
// side to do so first.
template <typename Base>
struct Layer : Base {
  using Base::Base;
};
template <typename Base, typename Handler>
void async_teardown(beast::role_type, Layer<Base>& layer, Handler&& handler) {
  error_code ignored;
  beast::get_lowest_layer(layer).close(ignored);
  asio::post(layer.get_executor(), beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

using Plain = Layer<tcp::socket>;
using Secure = Layer<ssl::stream<tcp::socket>>;

template <typename Transport>  // Plain or Secure
class Client final : public Connection, public std::enable_shared_from_this<Client<Transport>> {
 public:
  using Tell = std::function<void(decltype(SocketEvent::what))>;
  template <typename... Context>
  Client(asio::io_context& io, Address address, Tell tell, Context&... context)
      : address_(std::move(address)), tell_(std::move(tell)), ws_(io, context...) {}

  // The name is looked up on a thread of its own: without a network that may take minutes, nothing can stop
  // it, and neither waiting nor ending may depend on it. What it finds too late is forgotten.
  void start(const std::shared_ptr<asio::io_context>& io) override {
    auto look_up = [io, weak = this->weak_from_this(), host = address_.host, port = address_.port] {
      asio::io_context own;
      error_code error;
      const auto found = tcp::resolver(own).resolve(host, port, error);
      asio::post(*io, [weak, error, found] {
        if (const auto self = weak.lock()) self->on_found(error, found);
      });
    };
    try {
      std::thread(std::move(look_up)).detach();
    } catch (const std::system_error& e) {
      end({ErrorCode::kUnavailable, fmt::format("{} could not be looked up: {}", address_.name(), e.what())});
    }
  }

  void leave() override {
    if (!open_) return drop();
    over_ = true;
    ws_.async_close(websocket::close_code::normal,
                    [self = this->shared_from_this()](error_code) { self->drop(); });
  }

  void drop() override {
    over_ = true;
    error_code ignored;
    beast::get_lowest_layer(ws_).close(ignored);
  }

 private:
  void on_found(error_code error, const tcp::resolver::results_type& found) {
    if (over_) return;
    if (error) return fail_to("be found", error);
    asio::async_connect(beast::get_lowest_layer(ws_), found,
                        [self = this->shared_from_this()](error_code failed, const tcp::endpoint&) {
                          self->on_connected(failed);
                        });
  }

  void on_connected(error_code error) {
    if (over_) return;
    if (error) return fail_to("be reached", error);
    beast::get_lowest_layer(ws_).set_option(tcp::no_delay(true), error);
    if constexpr (std::is_same_v<Transport, Plain>) {
      upgrade();
    } else {
      auto& tls = ws_.next_layer();
      std::string name = address_.host;  // SSL_set_tlsext_host_name without its C cast
      SSL_ctrl(tls.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
      tls.set_verify_mode(ssl::verify_peer);
      SSL_set1_host(tls.native_handle(), address_.host.c_str());  // the name that the certificate must have
      tls.async_handshake(ssl::stream_base::client, [self = this->shared_from_this()](error_code failed) {
        if (self->over_) return;
        if (failed) return self->on_no_tls(failed);
        self->upgrade();
      });
    }
  }

  void on_no_tls(error_code error) {
    if constexpr (!std::is_same_v<Transport, Plain>) {
      if (ERR_GET_REASON(static_cast<unsigned long>(error.value())) != SSL_R_CERTIFICATE_VERIFY_FAILED)
        return fail_to("agree on TLS", error);
      const long verdict = SSL_get_verify_result(ws_.next_layer().native_handle());
      end({ErrorCode::kIo, fmt::format("the certificate of {} is not trusted: {}", address_.name(),
                                       X509_verify_cert_error_string(verdict))});
    }
  }

  void upgrade() {
    ws_.set_option(websocket::stream_base::decorator([](websocket::request_type& request) {
      request.set(beast::http::field::user_agent, fmt::format("mop/{}", build_info().version));
    }));
    ws_.read_message_max(kMaxMessage);
    ws_.control_callback([this](websocket::frame_type type, beast::string_view) {
      if (!over_ && type != websocket::frame_type::close) tell_(SocketPing{});
    });
    ws_.async_handshake(answer_, fmt::format("{}:{}", address_.host, address_.port), address_.target,
                        [self = this->shared_from_this()](error_code error) { self->on_answer(error); });
  }

  void on_answer(error_code error) {
    if (over_) return;
    if (error == websocket::error::upgrade_declined) return refuse();
    if (error) return fail_to("open a stream", error);
    open_ = true;
    // Of an open connection only the goodbye of leave() is timed.
    ws_.set_option(websocket::stream_base::timeout{kGoodbye, websocket::stream_base::none(), false});
    tell_(SocketOpened{});
    read();
  }

  void refuse() {
    const unsigned status = answer_.result_int();
    const ErrorCode code = status == 451 || status == 403   ? ErrorCode::kUnsupported
                           : status == 418 || status == 429 ? ErrorCode::kRateLimited
                                                            : ErrorCode::kUnavailable;
    const auto text = answer_[beast::http::field::retry_after];
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    end({code, fmt::format("{} refuses the stream with HTTP {}", address_.name(), status)}, false,
        std::clamp<std::int64_t>(seconds, 0, kDay / kSecond) * kSecond);
  }

  void read() {
    ws_.async_read(
        buffer_, [self = this->shared_from_this()](error_code error, std::size_t) { self->on_read(error); });
  }

  void on_read(error_code error) {
    if (over_) return;
    if (error == websocket::error::closed) {
      const auto& reason = ws_.reason();
      return end({ErrorCode::kUnavailable,
                  fmt::format("{} closed the stream ({}{}{})", address_.name(), reason.code,
                              reason.reason.empty() ? "" : ": ",
                              std::string_view(reason.reason.data(), reason.reason.size()))},
                 true);
    }
    if (error) return fail_to("be read on", error);
    tell_(SocketText{beast::buffers_to_string(buffer_.data())});
    buffer_.clear();
    read();
  }

  void fail_to(std::string_view what, error_code error) {
    const bool hung_up =
        error == beast::http::error::end_of_stream || error == beast::http::error::partial_message;
    const bool broke_rules = error.category() == error_code(websocket::error::bad_opcode).category() ||
                             error.category() == error_code(beast::http::error::bad_version).category();
    end({broke_rules && !hung_up ? ErrorCode::kCorrupt : ErrorCode::kUnavailable,
         fmt::format("{} could not {}: {}", address_.name(), what, error.message())});
  }

  void end(Error error, bool orderly = false, DurationMillis retry_after = 0) {
    drop();
    tell_(SocketClosed{std::move(error), orderly, retry_after});
  }

  static constexpr std::size_t kMaxMessage = WebSockets::kMaxMessageBytes;
  const Address address_;
  const Tell tell_;
  websocket::stream<Transport> ws_;
  websocket::response_type answer_;
  beast::flat_buffer buffer_;
  bool open_ = false;
  bool over_ = false;  // nothing more is told
};

}  // namespace

struct WebSockets::Impl {
  Impl() : tls(ssl::context::tls_client) {
    error_code error;
    tls.set_options(ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1, error);
    // Without a store no certificate will be trusted, which is told then.
    tls.set_default_verify_paths(error);
  }

  // Shared with the look-ups that may outlast this.
  std::shared_ptr<asio::io_context> io = std::make_shared<asio::io_context>(1);
  asio::executor_work_guard<asio::io_context::executor_type> work{io->get_executor()};
  ssl::context tls;
  std::map<int, std::shared_ptr<Connection>> connections;
  std::deque<SocketEvent> events;
};

WebSockets::WebSockets() : impl_(std::make_unique<Impl>()) {}

WebSockets::~WebSockets() {  // NOLINT(bugprone-exception-escape): no handler throws
  for (auto& [socket, connection] : impl_->connections)
    connection->drop();
  impl_->io->poll();  // operations cut off end here, and their connections with them
}

Result<void> WebSockets::check_url(const std::string& url) {
  if (parse_address(url)) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("stream address must be ws://host[:port] or wss://host[:port], was '{}'",
                          url.substr(0, 200)));
}

void WebSockets::open(int socket, const std::string& url) {
  auto address = parse_address(url);
  MOP_CHECK(address.has_value()) << url;
  MOP_CHECK(!impl_->connections.contains(socket)) << socket;
  auto tell = [this, socket](decltype(SocketEvent::what) what) {
    if (std::holds_alternative<SocketClosed>(what)) impl_->connections.erase(socket);
    impl_->events.push_back({socket, monotonic_micros(), std::move(what)});
  };
  std::shared_ptr<Connection> made;
  if (address->tls) {
    made = std::make_shared<Client<Secure>>(*impl_->io, std::move(*address), std::move(tell), impl_->tls);
  } else {
    made = std::make_shared<Client<Plain>>(*impl_->io, std::move(*address), std::move(tell));
  }
  impl_->connections.emplace(socket, made);
  made->start(impl_->io);
}

void WebSockets::close(int socket) {
  const auto found = impl_->connections.find(socket);
  if (found == impl_->connections.end()) return;
  const std::shared_ptr<Connection> connection = std::move(found->second);
  impl_->connections.erase(found);
  connection->leave();
}

std::optional<SocketEvent> WebSockets::wait(DurationMillis timeout) {
  if (impl_->events.empty()) impl_->io->run_one_for(std::chrono::milliseconds(timeout));
  if (impl_->events.empty()) return std::nullopt;
  std::optional<SocketEvent> event = std::move(impl_->events.front());
  impl_->events.pop_front();
  return event;
}

void WebSockets::wake() {
  asio::post(*impl_->io, [] {});
}

}  // namespace mop::exchange
