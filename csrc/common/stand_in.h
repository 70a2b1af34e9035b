// Concrete stand-ins for unknown dimensions.
//
// Operators know only concrete shapes. To infer a shape with unknown dimensions a rule
// runs twice, with a different prime for every "unknown"; whatever differs between the two results
// is unknown. The primes are far apart and larger than any real dimension or stride, so that no
// arithmetic gives equal results by accident, and small enough for a product of three.
#pragma once

#include "common/types.h"

namespace pyframe {

constexpr int64_t kStandIn[2] = {100003, 199999};

inline bool is_unknown(int64_t dim) {
  return dim == kUnknown || dim == kStandIn[0] || dim == kStandIn[1];
}

// Whether the shapes are equal, or may become so when unknown dimensions are known.
inline bool may_be_equal(const Shape& a, const Shape& b) {
  bool fits = a.size() == b.size();
  for (size_t i = 0; fits && i < a.size(); ++i)
    fits = a[i] == b[i] || is_unknown(a[i]) || is_unknown(b[i]);
  return fits;
}

inline Shape substitute(const Shape& shape, int which) {
  Shape result = shape;
  for (int64_t& dim : result)
    if (dim == kUnknown) dim = kStandIn[which];
  return result;
}

inline Shape merge_stand_ins(const Shape& first, const Shape& second) {
  Shape result = first;
  for (size_t i = 0; i < result.size(); ++i)
    if (first[i] != second[i]) result[i] = kUnknown;
  return result;
}

}  // namespace pyframe
