// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace hither::test {

/// How often this thread has called any form of operator new since it began: plain, nothrow and
/// aligned ones, for arrays or not. A program that links allocations.cc has its own, which count.
/// So a test can say that there was none.
std::size_t allocations();

}  // namespace hither::test
