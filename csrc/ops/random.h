// Keys of the counter-based random numbers.
#pragma once

#include "ir/lowering.h"

namespace pyframe {

// Throws Error unless input `i` is a (seed, counter) pair.
inline void require_random_state(const OpContext& c, size_t i) {
  c.require(c.inputs[i].dtype == DType::kF64 && c.shape(i) == Shape{2},
            "state must be a float64 tensor (seed, counter).");
}

inline uint64_t mix_bits(uint64_t x) {  // the finaliser of SplitMix64 (Steele et al. 2014)
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// The key of one stream of numbers in one step.
inline uint64_t random_key(const double* state, uint64_t stream) {
  const auto seed = static_cast<uint64_t>(static_cast<int64_t>(state[0]));
  const auto counter = static_cast<uint64_t>(static_cast<int64_t>(state[1]));
  return mix_bits(mix_bits(mix_bits(seed + 0x9e3779b97f4a7c15ULL) + counter) + stream);
}

}  // namespace pyframe
