#include "mop/sim/request_handler.h"

#include <charconv>

#include <fmt/format.h>

#include "mop/base/gzip.h"
#include "mop/sim/faulty_market.h"

namespace mop::sim {
namespace {

constexpr std::size_t kWorthCompressing = 1024;  // bytes

void damage(std::string& body) {
  if (!body.empty()) body[body.size() / 2] = static_cast<char>(body[body.size() / 2] ^ 0x20);
}

void apply_to_wire(const Fault& fault, const ApiReply& reply, WireFaults& wire) {
  switch (fault.kind) {
    case FaultKind::kLatency:
      wire.latency += fault.ms;
      break;
    case FaultKind::kReset:
      wire.reset = true;
      break;
    case FaultKind::kTruncate:
      wire.truncate_at = fault.bytes > 0 ? static_cast<std::size_t>(fault.bytes) : reply.body.size() / 2;
      break;
    case FaultKind::kSlow:
      wire.bytes_per_second = fault.bytes_per_second;
      break;
    default:
      break;  // not a matter of the wire
  }
}

}  // namespace

RequestHandler::RequestHandler(MarketSource& market, Clock& clock, FaultScript& faults,
                               const ExchangeOptions& options)
    : market_(market),
      clock_(clock),
      faults_(faults),
      options_(options),
      api_(market, clock, options.api),
      archive_(market) {}

ApiReply RequestHandler::set_clock(const Target& target) {
  const auto refuse = [](std::string_view why) {
    return ApiReply{400, {}, fmt::format(R"({{"code":-1,"msg":"{}"}})", why)};
  };
  if (!options_.settable) return refuse("The clock of this exchange cannot be set.");
  UnixMillis now = clock_.now();
  double speed = options_.settable->speed();
  for (const auto& [name, value] : target.parameters) {
    if (name == "now") {
      const auto instant = parse_utc(value);
      if (!instant) return refuse("now must be a UTC date like 2025-07-01T13:45.");
      now = *instant;
    } else if (name == "advance_ms") {
      DurationMillis by = 0;
      const char* const end = value.data() + value.size();
      if (std::from_chars(value.data(), end, by).ptr != end || by < 0)
        return refuse("advance_ms must be a whole number from 0.");
      now += by;
    } else if (name == "speed") {
      const auto factor = parse_clock_speed(value);
      if (!factor) return refuse("speed must be real or x0.001..x100000.");
      speed = *factor;
    } else {
      return refuse("The clock takes now, advance_ms and speed.");
    }
  }
  options_.settable->set(now, speed);
  return {200, {}, fmt::format(R"({{"now":{},"speed":{}}})", now, speed)};
}

ApiReply RequestHandler::answer(const Request& request, const std::vector<Fault>& faults) {
  DurationMillis skew = 0;
  for (const Fault& fault : faults) {
    if (fault.kind == FaultKind::kStatus) return fault_reply(fault, clock_.now());
    if (fault.kind == FaultKind::kClockSkew) skew += fault.ms;
  }
  if (faults.empty()) return answer_from(market_, request, skew);
  FaultyMarket seen(market_, faults);
  ApiReply reply = answer_from(seen, request, skew);
  for (const std::size_t line : seen.touched())
    faults_.count_strike(line);
  return reply;
}

ApiReply RequestHandler::answer_from(MarketSource& market, const Request& request, DurationMillis skew) {
  const auto target = parse_target(request.target);
  if (target && request.method == "POST" && target->path == "/sim/clock") return set_clock(*target);
  if (target && request.method == "GET" && Archive::serves(target->path)) {
    return archive_.handle(*target, market, clock_.now() + skew);
  }
  ApiReply reply = api_.handle(request.method, request.target, {&market, skew, request.time_unit});
  if (request.accepts_gzip && reply.body.size() >= kWorthCompressing) {
    reply.body = gzipped(reply.body);
    reply.headers["Content-Encoding"] = "gzip";
  }
  return reply;
}

StreamAnswer RequestHandler::open_stream(std::string_view target) {
  ++requests_;
  const UnixMillis now = clock_.now();
  const std::vector<Fault> faults = faults_.draw(target);
  StreamAnswer out;
  for (const Fault& fault : faults) {
    if (fault.kind == FaultKind::kStatus) out.refusal.reply = fault_reply(fault, now);
    apply_to_wire(fault, out.refusal.reply, out.refusal.wire);
    if (is_of_market(fault.kind)) faults_.count_strike(fault.line);  // what it will be asked for is not known
  }
  if (out.refusal.reply.status != 200) return out;
  if (!connections_.admit(now)) {
    out.refusal.reply = {429, {}, R"({"code":-1003,"msg":"Too many connection attempts."})"};
    return out;
  }
  out.session = StreamSession::open(target, market_, faults, options_.streams, now);
  if (!out.session) out.refusal.reply = {404, {}, R"({"code":-1,"msg":"No stream is served here."})"};
  return out;
}

Answer RequestHandler::handle(const Request& request) {
  ++requests_;
  const std::vector<Fault> faults = faults_.draw(request.target);
  Answer out{answer(request, faults), {}};
  for (const Fault& fault : faults) {
    if (fault.kind == FaultKind::kCorrupt) damage(out.reply.body);
    apply_to_wire(fault, out.reply, out.wire);
  }
  return out;
}

}  // namespace mop::sim
