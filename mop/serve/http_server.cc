#include "mop/serve/http_server.h"

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include "mop/serve/event_log.h"
#include "mop/serve/http_desk.h"

namespace mop::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 4096;
constexpr int kEventSendBuffer = 64 * 1024;      // in the kernel, for a client of the event stream
constexpr std::size_t kFlushedAtOnce = 20;       // clients
constexpr DurationMillis kAcceptPause = 100;     // after an accept that failed: no file descriptor left
constexpr DurationMillis kLinger = 2 * kSecond;  // for a client to read why its connection ends

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

// Whose budget a request is taken from: an IPv4 address, or an IPv6 network of one household (/64).
std::string client_of(const tcp::endpoint& peer) {
  const auto address = peer.address();
  if (address.is_v4()) return address.to_string();
  auto bytes = address.to_v6().to_bytes();
  if (address.to_v6().is_v4_mapped())
    return fmt::format("{}", fmt::join(bytes.begin() + 12, bytes.end(), "."));
  return fmt::format("{:02x}", fmt::join(bytes.begin(), bytes.begin() + 8, ""));
}

class EventClient;

// What all connections of a server share; on the server's thread but for `told`.
struct Hub {
  Hub(HttpOptions o, const BoardHolder& b, Clock& clock)
      : options(std::move(o)),
        board(b),
        desk(options, b, clock),
        log(fmt::format("{:x}", clock.now()), options.kept_events) {}

  const HttpOptions options;
  const BoardHolder& board;
  HttpDesk desk;
  EventLog log;
  std::set<std::shared_ptr<EventClient>> event_clients;
  std::size_t waiting_for_database = 0;
  asio::thread_pool* database_thread = nullptr;

  std::mutex mutex;
  std::vector<ServiceEvent> told;  // not yet with the clients
};

// Counts a connection as long as it lives.
class Slot {
 public:
  explicit Slot(Hub& hub) : hub_(&hub) { ++hub.desk.counts().connections; }
  Slot(Slot&& other) noexcept : hub_(std::exchange(other.hub_, nullptr)) {}
  Slot& operator=(Slot&&) = delete;
  ~Slot() {
    if (hub_ != nullptr) --hub_->desk.counts().connections;
  }

 private:
  Hub* hub_;
};

// A client of the event stream. What it has not read yet waits in a queue of bounded size.
class EventClient : public std::enable_shared_from_this<EventClient> {
 public:
  EventClient(beast::tcp_stream stream, Slot slot, Hub& hub)
      : stream_(std::move(stream)), slot_(std::move(slot)), hub_(hub) {
    beast::error_code ignored;
    stream_.socket().set_option(asio::socket_base::send_buffer_size(kEventSendBuffer), ignored);
    ++hub_.desk.counts().event_clients;
  }
  ~EventClient() { --hub_.desk.counts().event_clients; }
  EventClient(const EventClient&) = delete;
  EventClient& operator=(const EventClient&) = delete;

  // `opening` does not count for the queue: it is as long as what the server keeps.
  void start(std::vector<EventFrame> opening) {
    sending_ = std::move(opening);
    watch();
    write();
  }

  // flush() sends them. False: the client had not read what came before, and was dropped.
  bool push(const std::vector<EventFrame>& frames) {
    if (queued_bytes_ > hub_.options.event_queue_bytes) {
      ++hub_.desk.counts().event_clients_dropped;
      beast::error_code ignored;
      stream_.socket().set_option(asio::socket_base::linger(true, 0), ignored);
      stream_.socket().close(ignored);
      return false;
    }
    for (const EventFrame& frame : frames)
      queued_bytes_ += frame->size();
    queue_.insert(queue_.end(), frames.begin(), frames.end());
    return true;
  }

  void flush() {
    if (!sending_.empty() || queue_.empty()) return;
    sending_.swap(queue_);
    queued_bytes_ = 0;
    write();
  }

 private:
  void write() {
    std::vector<asio::const_buffer> buffers;
    for (const EventFrame& frame : sending_)
      buffers.emplace_back(asio::buffer(*frame));
    stream_.expires_after(milliseconds(hub_.options.write_timeout));
    asio::async_write(stream_, buffers, [self = shared_from_this()](beast::error_code error, std::size_t) {
      self->sending_.clear();
      if (error) return self->end(error == beast::error::timeout);
      self->flush();
    });
  }

  // Reads nothing of interest: it tells that the client has gone.
  void watch() {
    stream_.expires_never();  // of this read; a write sets its own
    stream_.async_read_some(asio::buffer(ignored_),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->end(false);
                              self->watch();
                            });
  }

  void end(bool stuck) {
    if (hub_.event_clients.erase(shared_from_this()) == 0) return;
    if (stuck) ++hub_.desk.counts().event_clients_dropped;
    stream_.close();
  }

  beast::tcp_stream stream_;
  Slot slot_;
  Hub& hub_;
  std::vector<EventFrame> sending_, queue_;
  std::size_t queued_bytes_ = 0;  // of queue_
  std::array<char, 256> ignored_{};
};

// One connection: read, answer, read again. Keeps itself alive while an operation is pending.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const tcp::endpoint& peer, Hub& hub)
      : stream_(std::move(socket)),
        buffer_(hub.options.max_header_bytes + hub.options.max_body_bytes + kReadBytes),
        client_(client_of(peer)),
        slot_(hub),
        hub_(hub) {}

  void start() { await(hub_.options.request_timeout); }

 private:
  // Waits for the first byte of a request, which may come late; then the rest must follow soon.
  void await(DurationMillis patience) {
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(hub_.options.max_header_bytes));
    parser_->body_limit(hub_.options.max_body_bytes);
    if (buffer_.size() > 0) return read();
    stream_.expires_after(milliseconds(patience));
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](beast::error_code error, std::size_t bytes) {
                              if (error) return self->close();
                              self->buffer_.commit(bytes);
                              self->read();
                            });
  }

  void read() {
    stream_.expires_after(milliseconds(hub_.options.request_timeout));
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](beast::error_code error, std::size_t) {
                       if (!error) return self->answer();
                       if (const auto refused = self->refusal_of(error)) {
                         self->keep_alive_ = false;
                         return self->send(prepare(*refused));
                       }
                       self->close();
                     });
  }

  std::optional<HttpReply> refusal_of(beast::error_code error) const {
    const HttpOptions& o = hub_.options;
    if (error == http::error::header_limit && parser_->get().target().empty())
      return failure(414, "target_too_long",
                     fmt::format("a request target may have {} bytes", o.max_target_bytes));
    if (error == http::error::header_limit)
      return failure(431, "headers_too_large",
                     fmt::format("a request's head may have {} bytes", o.max_header_bytes));
    if (error == http::error::body_limit)
      return failure(413, "body_too_large",
                     fmt::format("a request's body may have {} bytes", o.max_body_bytes));
    const bool of_http = error.category() == beast::error_code(http::error::bad_method).category();
    if (!of_http || error == http::error::end_of_stream || error == http::error::partial_message)
      return std::nullopt;
    return failure(400, "bad_request", fmt::format("the request is not valid HTTP/1.1: {}", error.message()));
  }

  HttpRequest request() const {
    const auto& got = parser_->get();
    return {view(got.method_string()),
            view(got.target()),
            view(got[http::field::host]),
            view(got[http::field::authorization]),
            view(got[http::field::if_none_match]),
            view(got[http::field::accept_encoding]),
            view(got["Last-Event-ID"])};
  }

  // The parser keeps the body until the reply is sent.
  std::string_view body() const { return parser_->get().body(); }

  void answer() {
    const auto& got = parser_->get();
    keep_alive_ = got.keep_alive() && got.version() == 11;
    head_only_ = got.method() == http::verb::head;
    stream_.expires_never();
    auto match = hub_.desk.admit(request(), client_);
    if (!match) return send(prepare(std::move(match.error())));
    call(std::move(*match));
  }

  void call(RouteMatch match) {
    switch (match.route->kind) {
      case RouteKind::kBoard:
        return send(hub_.desk.of_board(request().target, match, body()));
      case RouteKind::kServer:
        return send(prepare(hub_.desk.run(*hub_.board.get(), match, body())));
      case RouteKind::kDatabase:
        return ask_database(hub_.board.get(), std::move(match));
      case RouteKind::kEvents:
        return open_events();
      case RouteKind::kFile:
        return send(hub_.desk.of_file(match.target.path));
    }
  }

  void ask_database(std::shared_ptr<const Board> board, RouteMatch match) {
    if (hub_.waiting_for_database >= hub_.options.max_waiting_for_database)
      return send(
          prepare(later(503, "busy", "too many questions to the database at once; ask again soon", 1)));
    ++hub_.waiting_for_database;
    asio::post(*hub_.database_thread,
               [self = shared_from_this(), board = std::move(board), match = std::move(match)] {
                 Prepared reply = prepare(self->hub_.desk.run(*board, match, self->body()));
                 asio::post(self->stream_.get_executor(), [self, reply = std::move(reply)] {
                   --self->hub_.waiting_for_database;
                   self->send(reply);
                 });
               });
  }

  void open_events() {
    if (hub_.event_clients.size() >= hub_.options.max_event_clients)
      return send(prepare(later(503, "busy", "too many clients follow the events; try again later", 30)));
    if (head_only_) return send(prepare({200, "text/event-stream", "", {}, false}));
    auto frames = hub_.log.opening(request().last_event_id);
    frames.insert(frames.begin(), std::make_shared<const std::string>(hub_.desk.events_head()));
    auto client = std::make_shared<EventClient>(std::move(stream_), std::move(slot_), hub_);
    hub_.event_clients.insert(client);
    client->start(std::move(frames));
  }

  void send(const Prepared& prepared) {
    Outgoing reply = hub_.desk.outgoing(*prepared, request(), keep_alive_);
    head_ = std::move(reply.head);
    const asio::const_buffer text = head_only_ ? asio::const_buffer() : asio::buffer(reply.body);
    stream_.expires_after(milliseconds(hub_.options.write_timeout));
    asio::async_write(stream_, std::array{asio::const_buffer(asio::buffer(head_)), text},
                      [self = shared_from_this(), prepared](beast::error_code error, std::size_t) {
                        if (error) return self->close();
                        if (self->keep_alive_) return self->await(self->hub_.options.idle_timeout);
                        self->end_politely();
                      });
  }

  // Closing while the client still sends would reset the connection, and the reply might be lost with it.
  void end_politely() {
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    stream_.expires_after(milliseconds(kLinger));
    drain();
  }

  void drain() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(kReadBytes),
                            [self = shared_from_this()](beast::error_code error, std::size_t) {
                              if (error) return self->close();
                              self->drain();
                            });
  }

  void close() { stream_.close(); }

  beast::tcp_stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string client_, head_;
  bool keep_alive_ = false, head_only_ = false;
  Slot slot_;
  Hub& hub_;
};

}  // namespace

struct HttpServer::Impl {
  Impl(HttpOptions options, const BoardHolder& board, Clock& clock) : hub(std::move(options), board, clock) {}

  Result<void> listen();
  void accept();
  void admit(tcp::socket socket);
  void beat();
  void spread();
  void for_clients(const std::vector<EventFrame>& frames);
  void flush(std::vector<std::shared_ptr<EventClient>> clients);

  Hub hub;
  std::mutex mutex;  // of `io`, between tell() and stop()
  std::optional<asio::io_context> io;
  std::optional<tcp::acceptor> acceptor;
  std::optional<asio::steady_timer> heartbeat, pause;
  std::optional<asio::thread_pool> database_thread;
  std::thread thread;
  std::uint16_t port = 0;
};

Result<void> HttpServer::Impl::listen() {
  const ListenAddress& address = hub.options.address;
  MOP_TRY(hub.desk.open());
  beast::error_code error;
  const auto ip = asio::ip::make_address(address.host, error);
  io.emplace(1);
  acceptor.emplace(*io);
  heartbeat.emplace(*io);
  pause.emplace(*io);
  const tcp::endpoint endpoint(ip, address.port);
  if (!error) acceptor->open(endpoint.protocol(), error);
  if (!error) acceptor->set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor->bind(endpoint, error);
  if (!error) acceptor->listen(asio::socket_base::max_listen_connections, error);
  if (!error) port = acceptor->local_endpoint(error).port();
  if (!error) return {};
  return fail(error == asio::error::address_in_use ? ErrorCode::kUnavailable : ErrorCode::kIo,
              fmt::format("port {} of {} cannot be listened on: {}; choose another --listen", address.port,
                          address.host, error.message()));
}

void HttpServer::Impl::accept() {
  acceptor->async_accept([this](beast::error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      admit(std::move(socket));
      return accept();
    }
    pause->expires_after(milliseconds(kAcceptPause));
    pause->async_wait([this](beast::error_code aborted) {
      if (!aborted) accept();
    });
  });
}

void HttpServer::Impl::admit(tcp::socket socket) {
  beast::error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  if (error) return;  // gone already
  socket.set_option(tcp::no_delay(true), error);
  if (hub.desk.counts().connections < static_cast<std::int64_t>(hub.options.max_connections))
    return std::make_shared<Connection>(std::move(socket), peer, hub)->start();
  socket.non_blocking(true, error);
  socket.write_some(asio::buffer(hub.desk.busy()), error);
}

void HttpServer::Impl::beat() {
  heartbeat->expires_after(milliseconds(hub.options.heartbeat));
  heartbeat->async_wait([this](beast::error_code aborted) {
    if (aborted) return;
    for_clients({std::make_shared<const std::string>(":\n\n")});
    beat();
  });
}

void HttpServer::Impl::spread() {
  std::vector<ServiceEvent> events;
  {
    const std::lock_guard lock(hub.mutex);
    events.swap(hub.told);
  }
  std::vector<EventFrame> frames;
  for (const ServiceEvent& event : events)
    frames.push_back(hub.log.add(event));
  hub.desk.counts().events += static_cast<std::int64_t>(frames.size());
  for_clients(frames);
}

void HttpServer::Impl::for_clients(const std::vector<EventFrame>& frames) {
  std::erase_if(hub.event_clients, [&](const auto& client) { return !client->push(frames); });
  flush({hub.event_clients.begin(), hub.event_clients.end()});
}

// A few clients at a time, so that requests are answered in between.
void HttpServer::Impl::flush(std::vector<std::shared_ptr<EventClient>> clients) {
  for (std::size_t i = 0; i < kFlushedAtOnce && !clients.empty(); ++i) {
    clients.back()->flush();
    clients.pop_back();
  }
  if (clients.empty()) return;
  asio::post(*io, [this, rest = std::move(clients)]() mutable { flush(std::move(rest)); });
}

HttpServer::HttpServer(HttpOptions options, const BoardHolder& board, Clock& clock)
    : impl_(std::make_unique<Impl>(std::move(options), board, clock)) {}

HttpServer::~HttpServer() {
  stop();
}

Result<void> HttpServer::start() {
  MOP_TRY(impl_->listen());
  impl_->database_thread.emplace(1);
  impl_->hub.database_thread = &*impl_->database_thread;
  impl_->accept();
  impl_->beat();
  impl_->thread = std::thread([this] { impl_->io->run(); });
  return {};
}

std::uint16_t HttpServer::port() const {
  return impl_->port;
}

std::string HttpServer::url() const {
  const std::string& host = impl_->hub.options.address.host;
  return host.find(':') == std::string::npos ? fmt::format("http://{}:{}", host, impl_->port)
                                             : fmt::format("http://[{}]:{}", host, impl_->port);
}

void HttpServer::limit_rate(double requests_per_s, double burst) {
  const std::lock_guard running(impl_->mutex);
  if (!impl_->io) return;
  asio::post(*impl_->io, [impl = impl_.get(), requests_per_s, burst] {
    impl->hub.desk.limit_rate(requests_per_s, burst);
  });
}

void HttpServer::stop() {
  if (!impl_->thread.joinable()) return;
  impl_->database_thread->stop();  // what waits is dropped, what runs ends
  impl_->database_thread->join();
  impl_->io->stop();
  impl_->thread.join();
  impl_->hub.event_clients.clear();
  impl_->database_thread.reset();
  const std::lock_guard lock(impl_->mutex);
  impl_->acceptor.reset();
  impl_->heartbeat.reset();
  impl_->pause.reset();
  impl_->io.reset();  // takes the connections with it
}

void HttpServer::tell(const ServiceEvent& event) {
  const std::lock_guard running(impl_->mutex);
  if (!impl_->io) return;
  bool first = false;
  {
    const std::lock_guard lock(impl_->hub.mutex);
    first = impl_->hub.told.empty();
    impl_->hub.told.push_back(event);
  }
  if (first) asio::post(*impl_->io, [impl = impl_.get()] { impl->spread(); });
}

}  // namespace mop::serve
