// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace hither::tools {

/// What is asked, as it was said on the command line.
struct ExplainPicksOptions {
  std::string world;
  std::string farm;     ///< empty: every farm, for a request
  std::string room;     ///< empty: every room
  std::string request;  ///< an id, as in X-Request-Id and the access log; empty: the last ones
  int last = 10;
  int watch_s = 0;  ///< have every pick recorded for so long, and then tell; 0: tell at once
  bool json = false;
};

/// `hither explain --farm FARM` and `hither explain --request ID`: asks the balancers of a running
/// world how the last requests came to their copies (page /decisions of hither-lb). One that does
/// not answer is named on stderr, beside what the others say. Exit status 0; 1 if no such request
/// is known; 2 with one clear line, or if none answers.
int cmd_explain_picks(const ExplainPicksOptions& options);

/// What the balancer of one room answered (`page`, JSON), for people.
std::string picks_text(const std::string& page, bool colour);

}  // namespace hither::tools
