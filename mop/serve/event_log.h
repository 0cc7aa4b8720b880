// The newest events as they go over the wire, so that a client whose connection broke can go on.
#pragma once
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mop/serve/board.h"

namespace mop::serve {

/// One server-sent event or comment, shared by all clients it is sent to.
using EventFrame = std::shared_ptr<const std::string>;

/// One thread at a time.
class EventLog {
 public:
  /// `epoch`: another one in every run of the program, digits and letters: ids of an earlier run are not
  /// taken for ours. `kept` >= 1 events can be resumed behind.
  EventLog(std::string epoch, std::size_t kept) : epoch_(std::move(epoch)), kept_(kept) {}

  /// Gives the event the next id. REQUIRES: its JSON is one line.
  EventFrame add(const ServiceEvent& event);

  /// What a client that saw everything up to `last_event_id` must be sent first; empty: a new client. Begins
  /// with the id that stands for now; with a `reset` event when what it missed is not kept.
  std::vector<EventFrame> opening(std::string_view last_event_id) const;

 private:
  std::string id(std::int64_t number) const;

  std::string epoch_;
  std::size_t kept_;
  std::int64_t newest_ = 0;  // number of the last event
  std::deque<EventFrame> frames_;
};

}  // namespace mop::serve
