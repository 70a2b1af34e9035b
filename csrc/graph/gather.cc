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

// Columns of the rows of an array of n columns, into rows of `pitch` elements.
struct Copy {
  int64_t n;
  Range columns;
  const int64_t* index;
  int64_t first, count;
  int64_t pitch;

  int64_t from(int64_t i) const {
    return (index == nullptr ? first + i : index[first + i]) * n + columns.begin;
  }
  int64_t to(int64_t i) const { return i * pitch + columns.begin; }
};

template <typename S, typename T>
void gather(const char* from, const Copy& copy, char* to) {
  for (int64_t i = 0; i < copy.count; ++i) {
    const S* row = reinterpret_cast<const S*>(from) + copy.from(i);
    T* target = reinterpret_cast<T*>(to) + copy.to(i);
    for (int64_t j = 0; j < copy.columns.size(); ++j) target[j] = cast<T>(row[j]);
  }
}

template <typename T>
void gather_as(SourceType type, const char* from, const Copy& copy, char* to) {
  switch (type) {
    case SourceType::kF32:
      return gather<float, T>(from, copy, to);
    case SourceType::kF64:
      return gather<double, T>(from, copy, to);
    case SourceType::kI32:
      return gather<int32_t, T>(from, copy, to);
    case SourceType::kI64:
      return gather<int64_t, T>(from, copy, to);
    case SourceType::kU8:
    case SourceType::kBool:
      return gather<uint8_t, T>(from, copy, to);
  }
}

bool same_type(SourceType type, DType dtype) {
  return (type == SourceType::kF32 && dtype == DType::kF32) ||
         (type == SourceType::kF64 && dtype == DType::kF64) ||
         (type == SourceType::kI32 && dtype == DType::kI32);
}

}  // namespace

void gather_columns(SourceType type, const char* from, int64_t row_elements, Range columns,
                    const int64_t* index, int64_t first, int64_t count, DType dtype, char* to,
                    int64_t pitch) {
  const Copy copy{row_elements, columns, index, first, count, pitch};
  if (same_type(type, dtype)) {
    const auto size = static_cast<int64_t>(dtype_size(dtype));
    const auto bytes = static_cast<size_t>(columns.size() * size);
    if (index == nullptr && columns.size() == row_elements && pitch == row_elements) {
      std::memcpy(to, from + first * row_elements * size, bytes * static_cast<size_t>(count));
    } else {
      for (int64_t i = 0; i < count; ++i)
        std::memcpy(to + copy.to(i) * size, from + copy.from(i) * size, bytes);
    }
    return;
  }
  if (dtype == DType::kF32)
    gather_as<float>(type, from, copy, to);
  else if (dtype == DType::kF64)
    gather_as<double>(type, from, copy, to);
  else
    gather_as<int32_t>(type, from, copy, to);
}

void gather_rows(SourceType type, const char* from, int64_t row_elements, const int64_t* index,
                 int64_t first, int64_t count, DType dtype, char* to) {
  gather_columns(type, from, row_elements, {0, row_elements}, index, first, count, dtype, to,
                 row_elements);
}

}  // namespace pyframe
