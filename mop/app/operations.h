// What keeps `mop serve` going for years beside its forecasts: the service manager is told, settings are read
// again, models are trained again.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "mop/app/command.h"
#include "mop/app/retrainer.h"
#include "mop/app/systemd_notifier.h"
#include "mop/serve/board.h"
#include "mop/serve/http_server.h"
#include "mop/serve/service.h"

namespace mop::app {

struct OperationsOptions {
  std::function<Result<Settings>()> read_settings;  // as at the start
  std::string kinds;                                // of the models in use, as typed
  std::string profile = "default";                  // that they were trained with
};

/// Works in turns on the serving thread and settings of the context.
class Operations {
 public:
  /// All must outlive it.
  Operations(Context& ctx, serve::Service& service, serve::HttpServer& server, serve::BoardHolder& board,
             OperationsOptions options);

  void starting(const std::string& what) { notifier_.status("starting: " + what); }
  void ready() { notifier_.ready(); }
  /// To be called as serving goes on; milliseconds at most. A SIGHUP is answered here.
  void turn();
  void describe(serve::BoardHealth& health) const { health.retraining = retrainer_.busy(); }
  /// True once after settings were read again: models are to be looked at now.
  bool take_look_at_models() { return std::exchange(look_at_models_, false); }
  /// Ends what runs beside.
  void stop();

 private:
  void reload();
  void follow_settings();
  void tell_status(const serve::Board& board);
  RetrainPlan plan() const;

  Context& ctx_;
  serve::Service& service_;
  serve::HttpServer& server_;
  serve::BoardHolder& board_;
  const OperationsOptions options_;
  SystemdNotifier notifier_{systemd_options()};
  Retrainer retrainer_;
  bool look_at_models_ = false;
  std::int64_t looked_us_ = 0;
};

}  // namespace mop::app
