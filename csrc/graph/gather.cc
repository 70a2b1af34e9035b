#include "graph/gather.h"

#include <cstring>
#include <type_traits>

namespace pyframe {
namespace {

// To int32 values are clamped, so that a class id out of range stays out of range; NaN gives the
// smallest.
template <typename T, typename S>
T cast(S value) {
  if constexpr (std::is_same_v<T, int32_t> && sizeof(S) > 1 && !std::is_same_v<S, int32_t>) {
    if (!(value > static_cast<S>(INT32_MIN))) return INT32_MIN;
    if (value >= static_cast<S>(INT32_MAX)) return INT32_MAX;
  }
  return static_cast<T>(value);
}

template <typename S, typename T>
void gather(const char* from, int64_t n, const int64_t* index, int64_t first, int64_t count,
            char* to) {
  const S* source = reinterpret_cast<const S*>(from);
  T* target = reinterpret_cast<T*>(to);
  for (int64_t i = 0; i < count; ++i) {
    const S* row = source + (index == nullptr ? first + i : index[first + i]) * n;
    for (int64_t j = 0; j < n; ++j) target[i * n + j] = cast<T>(row[j]);
  }
}

template <typename T>
void gather_as(SourceType type, const char* from, int64_t n, const int64_t* index, int64_t first,
               int64_t count, char* to) {
  switch (type) {
    case SourceType::kF32:
      return gather<float, T>(from, n, index, first, count, to);
    case SourceType::kF64:
      return gather<double, T>(from, n, index, first, count, to);
    case SourceType::kI32:
      return gather<int32_t, T>(from, n, index, first, count, to);
    case SourceType::kI64:
      return gather<int64_t, T>(from, n, index, first, count, to);
    case SourceType::kU8:
    case SourceType::kBool:
      return gather<uint8_t, T>(from, n, index, first, count, to);
  }
}

bool same_type(SourceType type, DType dtype) {
  return (type == SourceType::kF32 && dtype == DType::kF32) ||
         (type == SourceType::kF64 && dtype == DType::kF64) ||
         (type == SourceType::kI32 && dtype == DType::kI32);
}

}  // namespace

void gather_rows(SourceType type, const char* from, int64_t row_elements, const int64_t* index,
                 int64_t first, int64_t count, DType dtype, char* to) {
  if (same_type(type, dtype)) {
    const auto bytes = row_elements * static_cast<int64_t>(dtype_size(dtype));
    if (index == nullptr) {
      std::memcpy(to, from + first * bytes, static_cast<size_t>(count * bytes));
    } else {
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(to + i * bytes, from + index[first + i] * bytes, static_cast<size_t>(bytes));
    }
    return;
  }
  if (dtype == DType::kF32)
    gather_as<float>(type, from, row_elements, index, first, count, to);
  else if (dtype == DType::kF64)
    gather_as<double>(type, from, row_elements, index, first, count, to);
  else
    gather_as<int32_t>(type, from, row_elements, index, first, count, to);
}

}  // namespace pyframe
