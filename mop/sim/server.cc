#include "mop/sim/server.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "mop/base/log.h"
#include "mop/sim/request_handler.h"
#include "mop/sim/stream_server.h"

namespace mop::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 1024;  // a GET has none

constexpr std::chrono::milliseconds kDripEvery{50};

// One connection: read, answer, read again. Keeps itself alive while an operation is pending.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, RequestHandler& handler, StreamServer& streams, const SimOptions& options)
      : stream_(std::move(socket)),
        timer_(stream_.get_executor()),
        handler_(handler),
        streams_(streams),
        options_(options) {}

  void read() {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxBodyBytes);
    stream_.expires_after(std::chrono::milliseconds(options_.idle_timeout));
    http::async_read(
        stream_, buffer_, *parser_,
        [self = shared_from_this()](beast::error_code error, std::size_t) { self->on_read(error); });
  }

 private:
  void on_read(beast::error_code error) {
    if (error == http::error::header_limit || error == http::error::body_limit) {
      return send({{413, {}, R"({"code":-1,"msg":"Request is too large."})"}, {}}, false);
    }
    if (error && error.category() == beast::error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return send({{400, {}, R"({"code":-1,"msg":"Request is not HTTP."})"}, {}}, false);
    }
    if (error) return close();
    if (websocket::is_upgrade(parser_->get())) return upgrade();
    const bool keep_alive = parser_->get().keep_alive();
    Answer answer = make_answer();
    const DurationMillis wait = options_.latency + answer.wire.latency;
    if (wait == 0) return send(std::move(answer), keep_alive);
    after(wait, [self = shared_from_this(), answer = std::move(answer), keep_alive]() mutable {
      self->send(std::move(answer), keep_alive);
    });
  }

  template <typename Then>
  void after(DurationMillis wait, Then then) {
    timer_.expires_after(std::chrono::milliseconds(wait));
    timer_.async_wait([then = std::move(then)](beast::error_code) mutable { then(); });
  }

  static std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

  Answer make_answer() {
    const auto& request = parser_->get();
    const Request asked{view(request.method_string()), view(request.target()),
                        view(request["X-MBX-TIME-UNIT"]),
                        view(request[http::field::accept_encoding]).find("gzip") != std::string_view::npos};
    try {
      return handler_.handle(asked);
    } catch (const std::exception& e) {
      log_error(fmt::format("simulated exchange: {}", e.what()));
      return {{500, {}, R"({"code":-1000,"msg":"An unknown error occurred while processing the request."})"},
              {}};
    }
  }

  void upgrade() {
    StreamAnswer opened = handler_.open_stream(view(parser_->get().target()));
    const WireFaults wire = opened.refusal.wire;
    if (wire.reset || !opened.session) return send(std::move(opened.refusal), false);
    const DurationMillis wait = options_.latency + wire.latency;
    if (wait == 0) return hand_over(std::move(opened.session));
    after(wait, [self = shared_from_this(), session = std::move(opened.session)]() mutable {
      self->hand_over(std::move(session));
    });
  }

  void hand_over(std::unique_ptr<StreamSession> session) {
    std::ostringstream handshake;
    handshake << parser_->get().base() << beast::buffers_to_string(buffer_.data());
    tcp::socket socket = stream_.release_socket();
    beast::error_code error;
    const int fd = socket.release(error);
    if (!error) streams_.adopt(fd, handshake.str(), std::move(session));
  }

  void send(Answer answer, bool keep_alive) {
    if (answer.wire.reset) return reset();
    http::response<http::empty_body> head;
    head.version(11);
    head.result(static_cast<unsigned>(answer.reply.status));
    head.set(http::field::server, "mop-sim");
    head.set(http::field::content_type, "application/json;charset=UTF-8");
    for (const auto& [name, value] : answer.reply.headers)
      head.set(name, value);
    head.keep_alive(keep_alive);
    head.content_length(answer.reply.body.size());
    std::ostringstream text;
    text << head.base();
    wire_ = text.str();
    const std::size_t body = std::min(answer.wire.truncate_at.value_or(SIZE_MAX), answer.reply.body.size());
    keep_alive_ = keep_alive && body == answer.reply.body.size();
    wire_.append(answer.reply.body, 0, body);
    sent_ = 0;
    piece_ = answer.wire.bytes_per_second ? static_cast<std::size_t>(*answer.wire.bytes_per_second / 20 + 1)
                                          : wire_.size();
    write_piece();
  }

  void write_piece() {
    const std::size_t size = std::min(piece_, wire_.size() - sent_);
    stream_.expires_after(std::chrono::milliseconds(options_.idle_timeout));
    asio::async_write(stream_, asio::buffer(wire_.data() + sent_, size),
                      [self = shared_from_this(), size](beast::error_code error, std::size_t) {
                        if (error) return self->close();
                        self->sent_ += size;
                        self->on_written();
                      });
  }

  void on_written() {
    if (sent_ < wire_.size())
      return after(kDripEvery.count(), [self = shared_from_this()] { self->write_piece(); });
    if (keep_alive_) return read();
    close();
  }

  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  void reset() {
    beast::error_code ignored;
    stream_.socket().set_option(asio::socket_base::linger(true, 0), ignored);
    stream_.socket().close(ignored);
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string wire_;  // the answer as it is sent
  std::size_t sent_ = 0, piece_ = 0;
  bool keep_alive_ = false;
  asio::steady_timer timer_;
  RequestHandler& handler_;
  StreamServer& streams_;
  const SimOptions& options_;
};

}  // namespace

struct SimServer::Impl {
  Impl(const SimOptions& o, MarketSource& market, Clock& clock)
      : options(o),
        faults(o.faults, o.fault_seed),
        handler(market, clock, faults, {o.api, o.streams, o.settable}),
        streams(clock) {}

  void accept() {
    acceptor->async_accept(asio::make_strand(*io), [this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) std::make_shared<Session>(std::move(socket), handler, streams, options)->read();
      accept();
    });
  }

  Result<void> listen() {
    const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), options.port);
    beast::error_code error;
    io.emplace();
    acceptor.emplace(*io);
    acceptor->open(endpoint.protocol(), error);
    if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor->bind(endpoint, error);
    if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
    if (!error) port = acceptor->local_endpoint(error).port();
    if (!error) return {};
    return fail(
        error == asio::error::address_in_use ? ErrorCode::kUnavailable : ErrorCode::kIo,
        fmt::format("port {} of 127.0.0.1 cannot be listened on: {}; choose another --port or 0 for any",
                    options.port, error.message()));
  }

  const SimOptions options;
  FaultScript faults;
  RequestHandler handler;
  StreamServer streams;
  std::optional<asio::io_context> io;
  std::optional<tcp::acceptor> acceptor;
  std::vector<std::thread> threads;
  std::uint16_t port = 0;
};

SimServer::SimServer(const SimOptions& options, MarketSource& market, Clock& clock)
    : impl_(std::make_unique<Impl>(options, market, clock)) {}

SimServer::~SimServer() {
  stop();
}

Result<void> SimServer::start() {
  MOP_TRY(impl_->listen());
  impl_->streams.start();
  impl_->accept();
  for (std::size_t t = 0; t < std::max<std::size_t>(1, impl_->options.threads); ++t) {
    impl_->threads.emplace_back([this] { impl_->io->run(); });
  }
  return {};
}

std::uint16_t SimServer::port() const {
  return impl_->port;
}

std::string SimServer::url() const {
  return fmt::format("http://127.0.0.1:{}", impl_->port);
}

std::int64_t SimServer::requests() const {
  return impl_->handler.requests();
}

std::vector<std::int64_t> SimServer::fault_strikes() const {
  return impl_->faults.strikes();
}

void SimServer::stop() {
  if (impl_->io) impl_->io->stop();
  for (std::thread& thread : impl_->threads)
    thread.join();
  impl_->threads.clear();
  impl_->streams.stop();
  impl_->acceptor.reset();
  impl_->io.reset();  // takes the open connections with it
}

}  // namespace mop::sim
