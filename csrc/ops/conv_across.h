// Convolutions of small maps with many weights, computed across images: a product's rows are the
// same pixels of all images. Every weight is read once a step rather than once an image, and taps
// that fall outside of the image, half of them on a 2 x 2 map, cost nothing.
#pragma once

#include "ops/conv2d.h"

namespace pyframe {

// Whether the maps are small enough, and the weights and images enough.
bool is_for_across(const Conv2D& conv, DType dtype);

// Adds the step of a convolution, or of the gradient of its input: y from x.
void lower_across(Lowering& l, TensorId x, TensorId w, TensorId bias, const Conv2D& conv,
                  bool backward);

// Adds the step of the gradient of the kernel.
void lower_across_grad_kernel(Lowering& l, const Conv2D& conv);

}  // namespace pyframe
