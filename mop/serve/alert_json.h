// Alerts as the API states them: the schemas of api/openapi.yaml.
#pragma once
#include <string_view>

#include "mop/serve/alert.h"
#include "mop/serve/alert_backscore.h"
#include "mop/serve/alert_book.h"

namespace boost::json {
class object;
class value;
}  // namespace boost::json

namespace mop::serve {

/// Schema AlertSpec. Fields that the kind has not are null.
boost::json::object spec_json(const AlertSpec& spec);
/// Schema Alert, without a back-score.
boost::json::object alert_json(const StoredAlert& alert);
/// Schema BackScore.
boost::json::object back_score_json(const BackScore& score);
/// Schema Firing.
boost::json::object firing_json(const AlertFiring& firing);
/// Schema Delivery.
boost::json::object delivery_json(const AlertDelivery& delivery);

/// What a client sends to make an alert: kind is needed, the rest has defaults; null is as if it were not
/// there. Strict: a field that is unknown, or that the kind has not, is refused. Errors: kInvalidArgument.
Result<AlertSpec> parse_alert(std::string_view json);
/// The same with the fields that are given in the place of `spec`'s. A new threshold takes its default
/// hysteresis along when none is given.
Result<AlertSpec> parse_alert_change(const AlertSpec& spec, std::string_view json);

/// What a client sends of a delivery: {"channel","outcome","detail"}. Errors: kInvalidArgument.
Result<AlertDelivery> parse_delivery(std::string_view json);

/// The event a client of /api/v1/events gets for a firing that is sent.
ServiceEvent alert_event(const AlertFiring& firing);

}  // namespace mop::serve
