// Element types and shapes shared by every layer of the engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pyframe {

enum class DType : uint8_t { kF32, kF64, kI32 };

using Shape = std::vector<int64_t>;

// A dimension that is known only when a plan is compiled.
constexpr int64_t kUnknown = -1;

struct TensorSpec {
  Shape shape;
  DType dtype = DType::kF32;
};

size_t dtype_size(DType dtype);
const char* dtype_name(DType dtype);
DType parse_dtype(const std::string& name);  // throws Error

// Product of the dimensions; throws Error when it does not fit 2^62 bytes.
int64_t element_count(const Shape& shape);
// "(None, 28, 28, 1)"
std::string to_string(const Shape& shape);

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::kF32;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::kF64;
};

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }

}  // namespace pyframe
