// Geometry of a 2-D convolution over NHWC with HWIO kernels.
#pragma once

#include "ir/lowering.h"
#include "ops/window.h"

namespace pyframe {

struct Conv2D {
  Window h, w;
  int64_t batch, in_c, out_c, groups;
  int64_t in_pitch, out_pitch;  // elements between pixels of x and y

  int64_t group_c() const { return in_c / groups; }
  int64_t group_n() const { return out_c / groups; }
  int64_t macs() const { return batch * h.out * w.out * h.kernel * w.kernel * group_c() * out_c; }
};

// The convolution from x to y of the operator being lowered, whose attributes are those of conv2d.
Conv2D conv_of(Lowering& l, TensorId x, TensorId kernel, TensorId y);

// Pieces in which each of few images should at least be cut: enough for threads to share them
// evenly, but none of so little work that its start counts. macs: of all images.
int64_t task_count(int64_t batch, int64_t macs);

// Adds the steps of the gradient of the convolution's input; bias (kNoTensor: none) is added to it.
void lower_conv2d_input(Lowering& l, TensorId dy, TensorId kernel, TensorId bias,
                        const Conv2D& conv);

void lower_conv2d_grad_kernel(Lowering& l);

}  // namespace pyframe
