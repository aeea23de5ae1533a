// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hither {

/// Where among 16 numbers the last one is that is not above `bound`; only those count whose bit is
/// set in `among`, and they ascend. No branch. Pure. Preconditions: the first of all counts and is
/// not above `bound`, bound < 2^16.
inline unsigned last_of_16_up_to(const std::uint16_t* numbers, unsigned bound, unsigned among) {
#if defined(__SSE2__)
  const auto* eights = reinterpret_cast<const __m128i*>(numbers);
  const __m128i all = _mm_set1_epi16(static_cast<short>(bound));
  const __m128i zero = _mm_setzero_si128();
  // Subtraction that stops at zero: 0 is left of what is not above.
  const __m128i low = _mm_cmpeq_epi16(_mm_subs_epu16(_mm_loadu_si128(eights), all), zero);
  const __m128i high = _mm_cmpeq_epi16(_mm_subs_epu16(_mm_loadu_si128(eights + 1), all), zero);
  const auto found = static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
#else
  unsigned found = 0;
  for (unsigned i = 0; i < 16; ++i) found |= (numbers[i] <= bound ? 1U : 0U) << i;
#endif
  return static_cast<unsigned>(std::bit_width((found & among) | 1U)) - 1U;
}

}  // namespace hither
