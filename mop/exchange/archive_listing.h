// What the archive's bucket lists: the XML of S3's ListObjects, versions 1 and 2.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "mop/base/result.h"

namespace mop::exchange {

struct ArchiveListing {
  std::vector<std::string> keys;  // in the order sent, CHECKSUM files included
  bool truncated = false;         // more pages follow
  std::string next_marker;        // version 1; "" when not stated: then the last key is the marker
  std::string next_token;         // version 2
};

/// Reads one page. Only the few elements above are looked at, entities are the five of XML and numeric ones
/// below 128, nothing is ever expanded or loaded. Errors: kCorrupt (no ListBucketResult, an unclosed element,
/// a key of more than 1024 bytes).
Result<ArchiveListing> parse_archive_listing(std::string_view xml);

}  // namespace mop::exchange
