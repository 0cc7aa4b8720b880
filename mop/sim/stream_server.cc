#include "mop/sim/stream_server.h"

#include <chrono>
#include <deque>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>

#include "mop/base/log.h"

namespace mop::sim {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;

constexpr std::chrono::milliseconds kTick{5};
constexpr std::size_t kMaxMessageBytes = 64 * 1024, kMaxQueue = 20'000;

// One connection; everything happens on the server's one thread. Keeps itself alive while it reads or waits.
class Peer : public std::enable_shared_from_this<Peer> {
 public:
  Peer(tcp::socket socket, std::string handshake, std::unique_ptr<StreamSession> session, Clock& clock)
      : ws_(std::move(socket)),
        timer_(ws_.get_executor()),
        handshake_(std::move(handshake)),
        session_(std::move(session)),
        clock_(clock) {}

  void accept() {
    ws_.set_option(
        websocket::stream_base::timeout{std::chrono::seconds(5), websocket::stream_base::none(), false});
    ws_.read_message_max(kMaxMessageBytes);
    ws_.control_callback([this](websocket::frame_type type, beast::string_view payload) {
      if (type == websocket::frame_type::ping) session_->on_ping(clock_.now());
      if (type == websocket::frame_type::pong)
        session_->on_pong({payload.data(), payload.size()}, clock_.now());
    });
    ws_.async_accept(asio::buffer(handshake_), [self = shared_from_this()](beast::error_code error) {
      if (error) return;
      self->read();
      self->tick();
    });
  }

 private:
  void read() {
    ws_.async_read(buffer_, [self = shared_from_this()](beast::error_code error, std::size_t) {
      if (error) return self->end();
      self->session_->on_text(beast::buffers_to_string(self->buffer_.data()), self->clock_.now());
      self->buffer_.clear();
      self->flush();
      self->read();
    });
  }

  void tick() {
    if (ended_) return;
    try {
      session_->step(clock_.now());
    } catch (const std::exception& e) {
      log_error(fmt::format("simulated exchange: {}", e.what()));
      return end();
    }
    flush();
    if (session_->ended()) return;
    timer_.expires_after(kTick);
    timer_.async_wait([self = shared_from_this()](beast::error_code error) {
      if (!error) self->tick();
    });
  }

  void flush() {
    for (Frame& frame : session_->take())
      queue_.push_back(std::move(frame));
    if (queue_.size() > kMaxQueue) return end(true);  // it does not read
    if (!writing_) write_next();
  }

  void write_next() {
    if (ended_ || queue_.empty()) return;
    writing_ = true;
    const auto next = [self = shared_from_this()](beast::error_code error) {
      self->writing_ = false;
      if (error) return self->end();
      self->queue_.pop_front();
      self->write_next();
    };
    const Frame& frame = queue_.front();
    switch (frame.kind) {
      case Frame::Kind::kText:
        ws_.text(true);
        return ws_.async_write(asio::buffer(frame.payload),
                               [next](beast::error_code error, std::size_t) { next(error); });
      case Frame::Kind::kPing:
        return ws_.async_ping(websocket::ping_data(frame.payload), next);
      case Frame::Kind::kClose:
        return ws_.async_close(
            websocket::close_reason(static_cast<websocket::close_code>(frame.close_code), frame.payload),
            [self = shared_from_this()](beast::error_code) { self->end(); });
      case Frame::Kind::kBreak:
        return end(true);
    }
  }

  void end(bool with_reset = false) {
    if (std::exchange(ended_, true)) return;
    timer_.cancel();
    beast::error_code ignored;
    ws_.next_layer().set_option(asio::socket_base::linger(with_reset, 0), ignored);
    ws_.next_layer().close(ignored);
  }

  websocket::stream<tcp::socket> ws_;
  asio::steady_timer timer_;
  beast::flat_buffer buffer_;
  std::string handshake_;
  std::unique_ptr<StreamSession> session_;
  Clock& clock_;
  std::deque<Frame> queue_;
  bool writing_ = false, ended_ = false;
};

}  // namespace

struct StreamServer::Impl {
  explicit Impl(Clock& c) : clock(c) {}
  Clock& clock;
  std::optional<asio::io_context> io;
  std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work;
  std::thread thread;
};

StreamServer::StreamServer(Clock& clock) : impl_(std::make_unique<Impl>(clock)) {}

StreamServer::~StreamServer() {
  stop();
}

void StreamServer::start() {
  impl_->io.emplace(1);
  impl_->work.emplace(impl_->io->get_executor());
  impl_->thread = std::thread([this] { impl_->io->run(); });
}

void StreamServer::adopt(int socket, std::string handshake, std::unique_ptr<StreamSession> session) {
  tcp::socket taken(*impl_->io);
  beast::error_code error;
  taken.assign(tcp::v4(), socket, error);
  if (error) return log_error(fmt::format("simulated exchange: socket {}: {}", socket, error.message()));
  auto peer =
      std::make_shared<Peer>(std::move(taken), std::move(handshake), std::move(session), impl_->clock);
  asio::post(*impl_->io, [peer] { peer->accept(); });
}

void StreamServer::stop() {
  impl_->work.reset();
  if (impl_->io) impl_->io->stop();
  if (impl_->thread.joinable()) impl_->thread.join();
  impl_->io.reset();  // takes the connections with it
}

}  // namespace mop::sim
