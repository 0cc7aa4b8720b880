// The endpoints of alerts, and their connection to mop.db.
#pragma once
#include <memory>
#include <string>

#include "mop/serve/router.h"

namespace mop::serve {

/// Alerts and the ledger behind the API, over a connection of its own that writes, opened at the first
/// request. One thread at a time.
class AlertsSource {
 public:
  explicit AlertsSource(std::string path);
  ~AlertsSource();

  struct Open;
  /// Errors: as open_database.
  Result<Open*> opened();

 private:
  std::string path_;
  std::unique_ptr<Open> open_;
};

HttpReply list_alerts(const ApiCall& call);
HttpReply add_alert(const ApiCall& call);
HttpReply preview_alert(const ApiCall& call);
HttpReply one_alert(const ApiCall& call);
HttpReply change_alert(const ApiCall& call);
HttpReply remove_alert(const ApiCall& call);
HttpReply list_firings(const ApiCall& call);
HttpReply list_deliveries(const ApiCall& call);
HttpReply add_delivery(const ApiCall& call);

}  // namespace mop::serve
