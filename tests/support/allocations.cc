// SPDX-License-Identifier: Apache-2.0
#include "tests/support/allocations.h"

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t allocations_of_thread = 0;

void* counted(std::size_t size) {
  ++allocations_of_thread;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) std::abort();
  return memory;
}

void* counted(std::size_t size, std::align_val_t alignment) {
  ++allocations_of_thread;
  void* memory = nullptr;
  if (posix_memalign(&memory, static_cast<std::size_t>(alignment), size) != 0) std::abort();
  return memory;
}

}  // namespace

std::size_t hither::test::allocations() { return allocations_of_thread; }

// All replaceable forms ([new.delete]): one that is left out would be the library's, and not seen.
using Size = std::size_t;
using Align = std::align_val_t;
using Nothrow = std::nothrow_t;

void* operator new(Size size) { return counted(size); }
void* operator new[](Size size) { return counted(size); }
void* operator new(Size size, const Nothrow&) noexcept { return counted(size); }
void* operator new[](Size size, const Nothrow&) noexcept { return counted(size); }
void* operator new(Size size, Align align) { return counted(size, align); }
void* operator new[](Size size, Align align) { return counted(size, align); }
void* operator new(Size size, Align align, const Nothrow&) noexcept { return counted(size, align); }
void* operator new[](Size size, Align align, const Nothrow&) noexcept {
  return counted(size, align);
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, Size) noexcept { std::free(memory); }
void operator delete[](void* memory, Size) noexcept { std::free(memory); }
void operator delete(void* memory, const Nothrow&) noexcept { std::free(memory); }
void operator delete[](void* memory, const Nothrow&) noexcept { std::free(memory); }
void operator delete(void* memory, Align) noexcept { std::free(memory); }
void operator delete[](void* memory, Align) noexcept { std::free(memory); }
void operator delete(void* memory, Size, Align) noexcept { std::free(memory); }
void operator delete[](void* memory, Size, Align) noexcept { std::free(memory); }
void operator delete(void* memory, Align, const Nothrow&) noexcept { std::free(memory); }
void operator delete[](void* memory, Align, const Nothrow&) noexcept { std::free(memory); }
