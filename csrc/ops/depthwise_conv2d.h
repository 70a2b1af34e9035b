// Geometry and epilogue of a depthwise 2-D convolution over NHWC with a kernel (kh, kw, C).
#pragma once

#include <limits>

#include "ops/gemm.h"
#include "ops/window.h"

namespace pyframe {

struct Depthwise {
  Window h, w;
  int64_t batch, c;

  int64_t in_size() const { return h.in * w.in * c; }
  int64_t out_size() const { return h.out * w.out * c; }
  int64_t macs() const { return batch * out_size() * h.kernel * w.kernel; }
};

Depthwise make_depthwise(const OpContext& c, const Shape& x, const Shape& kernel);
// That of the operator being lowered, whose inputs x and kernel are image and kernel.
Depthwise depthwise_of(Lowering& l, size_t x, size_t kernel);
DepthwisePass forward_pass(const Depthwise& d);

// An epilogue as bounds of the result, or as a function of whole rows.
template <typename T>
struct BoundedEpilogue {
  T low = -std::numeric_limits<T>::infinity(), high = std::numeric_limits<T>::infinity();
  RowEpilogue<T> rest{nullptr};

  explicit BoundedEpilogue(const Epilogue* epilogue) {
    if (epilogue == nullptr) return;
    if (epilogue->function == Unary::k_relu) {
      low = 0;
    } else if (epilogue->function == Unary::k_relu6) {
      low = 0;
      high = 6;
    } else if (epilogue->function == Unary::k_clip) {
      low = static_cast<T>(epilogue->attrs[0]);
      high = static_cast<T>(epilogue->attrs[1]);
    } else {
      rest = RowEpilogue<T>(epilogue);
    }
  }
};

}  // namespace pyframe
