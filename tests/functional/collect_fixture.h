// What the tests of collecting share: a simulated exchange and runs of `mop fetch` against it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "mop/base/json.h"
#include "process.h"

namespace mop::functional {

namespace bj = boost::json;

inline bj::value json_of(const Finished& f) {
  auto parsed = parse_json(f.out, "standard output");
  EXPECT_TRUE(parsed.has_value()) << f.out << f.err;
  return parsed ? *parsed : bj::value();
}

// Its clock stands 14 minutes before the next candle: all fetches of a test see the same market.
class CollectTest : public testing::Test {
 protected:
  void SetUp() override { directory = fresh_directory(); }
  void start_sim(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"sim", "--port", "0", "--seed", "5", "--start", "2025-07-01 00:01"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    sim = std::make_unique<Process>(directory, arguments);
    url = sim->read_out_line();
    ASSERT_TRUE(url.starts_with("http://")) << url;
  }
  std::vector<std::string> fetch(const std::string& data, std::vector<std::string> more) {
    std::vector<std::string> arguments{"fetch", "--base-url", url, "--data-dir", data, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  bj::value fetched(const std::string& data, std::vector<std::string> more) {
    const Finished f = run_mop(directory, fetch(data, std::move(more)));
    EXPECT_EQ(f.exit_code, 0) << f.out << f.err;
    return json_of(f);
  }
  std::string file(const std::string& data, const std::string& name) {
    return read_file(directory + "/" + data + "/" + name);
  }

  std::string directory, url;
  std::unique_ptr<Process> sim;
};

}  // namespace mop::functional
