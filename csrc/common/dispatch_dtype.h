// Calls a generic function with the C++ type of a floating dtype.
#pragma once

#include "common/check.h"
#include "common/types.h"

namespace pyframe {

template <typename T>
struct TypeTag {
  using type = T;
};

// dispatch_float(dtype, [&](auto tag) { using T = typename decltype(tag)::type; ... });
template <typename F>
decltype(auto) dispatch_float(DType dtype, F&& f) {
  check(dtype != DType::kI32, "expected a floating tensor, got int32");
  if (dtype == DType::kF64) return f(TypeTag<double>{});
  return f(TypeTag<float>{});
}

template <typename F>
decltype(auto) dispatch_any(DType dtype, F&& f) {
  if (dtype == DType::kI32) return f(TypeTag<int32_t>{});
  if (dtype == DType::kF64) return f(TypeTag<double>{});
  return f(TypeTag<float>{});
}

}  // namespace pyframe
