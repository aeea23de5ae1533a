// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hither::tools {

/// What is asked, as it was said on the command line.
struct ExplainOptions {
  std::string world;
  std::string name;
  std::string from;               ///< an address, or a network in prefix notation
  std::string type;               ///< "A", "AAAA" or nothing
  std::string resolver;           ///< the address of who asks for the client, or nothing
  std::string file;               ///< a description: explain from it, without a running world
  std::vector<std::string> down;  ///< rooms that are supposed to be down; only with a file
  bool json = false;
};

/// `hither explain NAME --from CLIENT`: asks the running DNS, or the code of it with what a file
/// says, to answer as it would answer that client, and to say why: matched network, rules, ranking
/// with distances, what was skipped, TTL and scope. Exit status 0, or 2 with one clear line.
int cmd_explain(const ExplainOptions& options);

}  // namespace hither::tools
