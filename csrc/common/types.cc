#include "common/types.h"

#include "common/check.h"
#include "common/stand_in.h"

namespace pyframe {

size_t dtype_size(DType dtype) { return dtype == DType::kF64 ? 8 : 4; }

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "float32";
    case DType::kF64:
      return "float64";
    case DType::kI32:
      return "int32";
  }
  return "?";
}

DType parse_dtype(const std::string& name) {
  if (name == "float32") return DType::kF32;
  if (name == "float64") return DType::kF64;
  if (name == "int32") return DType::kI32;
  throw Error(cat("dtype must be 'float32', 'float64' or 'int32'. Received: '", name, "'"));
}

int64_t element_count(const Shape& shape) {
  int64_t count = 1;
  for (int64_t dim : shape) {
    if (dim < 0 || __builtin_mul_overflow(count, dim, &count) || count > (int64_t{1} << 59))
      throw Error(cat("a tensor of shape ", to_string(shape), " is too large"));
  }
  return count;
}

std::string to_string(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += is_unknown(shape[i]) ? "None" : std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace pyframe
