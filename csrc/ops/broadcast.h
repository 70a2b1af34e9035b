// NumPy broadcasting, and loops over broadcast operands.
#pragma once

#include <string>
#include <vector>

#include "common/types.h"

namespace pyframe {

// Shape of the broadcast result; false if the shapes do not fit.
bool broadcast_shapes(const Shape& a, const Shape& b, Shape* out);

// An odometer over the outer dimensions of a broadcast operation: `run` contiguous result
// elements at a time, with the operands' offsets.
struct StridedLoop {
  // Loop over `out` (with dimension `skip` leading dimensions left out), for operands of the given
  // shapes aligned at the right. Strides are 0 along broadcast dimensions.
  StridedLoop(const Shape& out, const Shape& a, const Shape& b, size_t skip);

  struct Dim {
    int64_t size, a, b;
  };
  std::vector<Dim> outer;
  int64_t run = 1;               // innermost extent
  int64_t a_inc = 0, b_inc = 0;  // 0 or 1 along it
  int64_t outer_count = 1;

  // Calls f(a_offset, b_offset, out_offset) for every innermost run.
  template <typename F>
  void each(F f) const {
    int64_t index[8] = {0};
    int64_t a = 0, b = 0;
    const int depth = static_cast<int>(outer.size());
    for (int64_t i = 0; i < outer_count; ++i) {
      f(a, b, i * run);
      for (int d = depth - 1; d >= 0; --d) {
        a += outer[d].a;
        b += outer[d].b;
        if (++index[d] < outer[d].size) break;
        a -= outer[d].a * outer[d].size;
        b -= outer[d].b * outer[d].size;
        index[d] = 0;
      }
    }
  }
};

}  // namespace pyframe
