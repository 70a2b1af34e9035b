#include "ops/window.h"

#include <algorithm>

namespace pyframe {

Window make_window(const OpContext& c, int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                   const std::string& padding) {
  Window w;
  w.in = in;
  w.kernel = kernel;
  w.stride = stride;
  w.dilation = dilation;
  const int64_t extent = (kernel - 1) * dilation + 1;
  if (padding == "same") {
    w.out = ceil_div(in, stride);
    w.pad = std::max<int64_t>(0, (w.out - 1) * stride + extent - in) / 2;
  } else {
    c.require(padding == "valid", "padding must be 'same' or 'valid'.");
    c.require(in >= extent, "the window covers ", extent, " cells but the input has only ", in,
              "; use padding='same', a smaller window or a larger input.");
    w.out = (in - extent) / stride + 1;
  }
  return w;
}

WindowPair make_windows(const OpContext& c, const Shape& x, const Shape& kernel) {
  const Ints strides = pair_attr(c, "strides", {1, 1});
  const Ints dilation = pair_attr(c, "dilation", {1, 1});
  const std::string padding = c.attrs.text("padding", "valid");
  const Ints pads = c.attrs.ints("pads", {0, 0, 0, 0});
  c.require((strides[0] == 1 && strides[1] == 1) || (dilation[0] == 1 && dilation[1] == 1),
            "strides > 1 together with dilation > 1 is not supported.");
  Window windows[2];
  for (size_t d = 0; d < 2; ++d) {
    const int64_t before = pads[2 * d], after = pads[2 * d + 1];
    windows[d] =
        make_window(c, x[1 + d] + before + after, kernel[d], strides[d], dilation[d], padding);
    windows[d].in = x[1 + d];
    windows[d].pad += before;
  }
  return {windows[0], windows[1]};
}

// Far beyond any image; keeps window arithmetic from overflowing.
constexpr int64_t kLargest = 1 << 20;

Ints pair_attr(const OpContext& c, const char* name, const Ints& fallback) {
  Ints values = c.attrs.ints(name, fallback);
  if (values.size() == 1) values.push_back(values[0]);
  c.require(values.size() == 2 && values[0] >= 1 && values[1] >= 1 && values[0] <= kLargest &&
                values[1] <= kLargest,
            name, " must be one or two positive integers.");
  return values;
}

}  // namespace pyframe
