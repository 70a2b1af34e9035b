// Gradients of 1x1 convolutions, which are products of dense layers over the pixels that the
// strides pick.
#pragma once

#include "ops/conv2d.h"

namespace pyframe {

bool is_pointwise(const Conv2D& conv);
void lower_pointwise_grad_input(Lowering& l, TensorId dy, TensorId w, const Conv2D& conv);
void lower_pointwise_grad_kernel(Lowering& l, TensorId x, TensorId dy, const Conv2D& conv);

}  // namespace pyframe
