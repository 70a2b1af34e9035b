// Geometry of sliding windows (convolution, pooling): Keras's "same" and "valid" padding.
#pragma once

#include <string>

#include "ir/op.h"

namespace pyframe {

// One spatial dimension.
struct Window {
  int64_t in = 0, out = 0;
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t pad = 0;  // cells before the first input cell; "same" puts an odd cell at the end
};

// Throws Error (through c) when the window does not fit. name is the attribute to blame.
Window make_window(const OpContext& c, int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                   const std::string& padding);

// The windows of both dimensions from the attributes strides, dilation, padding and, where a
// padding operator was folded, pads: cells of zeros above, below, left and right of the image x (N,
// H, W, C).
struct WindowPair {
  Window h, w;
};
WindowPair make_windows(const OpContext& c, const Shape& x, const Shape& kernel);

// Attributes that hold two positive integers; one integer counts for both.
Ints pair_attr(const OpContext& c, const char* name, const Ints& fallback);

}  // namespace pyframe
