#include "mop/sim/server.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "mop/base/log.h"

namespace mop::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;

constexpr std::uint32_t kMaxHeaderBytes = 16 * 1024;
constexpr std::uint64_t kMaxBodyBytes = 1024;  // a GET has none

// One connection: read, answer, read again. Keeps itself alive while an operation is pending.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, BinanceApi& api, const SimOptions& options)
      : stream_(std::move(socket)), timer_(stream_.get_executor()), api_(api), options_(options) {}

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
      return write({413, {}, R"({"code":-1,"msg":"Request is too large."})"}, false);
    }
    if (error && error.category() == beast::error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message) {
      return write({400, {}, R"({"code":-1,"msg":"Request is not HTTP."})"}, false);
    }
    if (error) return close();
    if (options_.latency == 0) return answer_now();
    timer_.expires_after(std::chrono::milliseconds(options_.latency));
    timer_.async_wait([self = shared_from_this()](beast::error_code) { self->answer_now(); });
  }

  void answer_now() {
    const auto& request = parser_->get();
    write(answer(request), request.keep_alive());
  }

  ApiReply answer(const http::request<http::string_body>& request) {
    try {
      return api_.handle({request.method_string().data(), request.method_string().size()},
                         {request.target().data(), request.target().size()});
    } catch (const std::exception& e) {
      log_error(fmt::format("simulated exchange: {}", e.what()));
      return {500, {}, R"({"code":-1000,"msg":"An unknown error occurred while processing the request."})"};
    }
  }

  void write(ApiReply reply, bool keep_alive) {
    response_ = {};
    response_.version(11);
    response_.result(static_cast<unsigned>(reply.status));
    response_.set(http::field::server, "mop-sim");
    response_.set(http::field::content_type, "application/json;charset=UTF-8");
    for (const auto& [name, value] : reply.headers)
      response_.set(name, value);
    response_.keep_alive(keep_alive);
    response_.body() = std::move(reply.body);
    response_.prepare_payload();
    http::async_write(stream_, response_,
                      [self = shared_from_this(), keep_alive](beast::error_code error, std::size_t) {
                        if (error || !keep_alive) return self->close();
                        self->read();
                      });
  }

  void close() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  http::response<http::string_body> response_;
  asio::steady_timer timer_;
  BinanceApi& api_;
  const SimOptions& options_;
};

}  // namespace

struct SimServer::Impl {
  Impl(const SimOptions& o, MarketSource& market, Clock& clock) : options(o), api(market, clock, o.api) {}

  void accept() {
    acceptor->async_accept(asio::make_strand(*io), [this](beast::error_code error, tcp::socket socket) {
      if (error == asio::error::operation_aborted) return;
      if (!error) std::make_shared<Session>(std::move(socket), api, options)->read();
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
  BinanceApi api;
  std::optional<asio::io_context> io;
  std::optional<tcp::acceptor> acceptor;
  std::vector<std::thread> threads;
  std::uint16_t port = 0;
};

SimServer::SimServer(SimOptions options, MarketSource& market, Clock& clock)
    : impl_(std::make_unique<Impl>(options, market, clock)) {}

SimServer::~SimServer() {
  stop();
}

Result<void> SimServer::start() {
  MOP_TRY(impl_->listen());
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
  return impl_->api.requests();
}

void SimServer::stop() {
  if (impl_->io) impl_->io->stop();
  for (std::thread& thread : impl_->threads)
    thread.join();
  impl_->threads.clear();
  impl_->acceptor.reset();
  impl_->io.reset();  // takes the open connections with it
}

}  // namespace mop::sim
