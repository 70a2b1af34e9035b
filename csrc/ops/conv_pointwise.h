// 1x1 convolutions as products of dense layers over the pixels that the strides pick: the
// gradients, and the forward pass where few pixels meet many weights.
#pragma once

#include "ops/conv2d.h"

namespace pyframe {

bool is_pointwise(const Conv2D& conv);
// Whether the forward pass is better one product over all images than one for each.
bool is_one_product(const Lowering& l, const Conv2D& conv);
void lower_pointwise(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv);
void lower_pointwise_grad_input(Lowering& l, TensorId dy, TensorId w, const Conv2D& conv);
void lower_pointwise_grad_kernel(Lowering& l, TensorId x, TensorId dy, const Conv2D& conv);

}  // namespace pyframe
