// Which algorithm computes a convolution: a function of shapes, type and instruction set, so that
// a plan's results do not depend on the machine's load or on the number of threads.
#pragma once

#include "ops/conv2d.h"

namespace pyframe {

enum class ConvAlgorithm { kAuto, kDirect, kWinograd };

// The choice for plans compiled from now on: by the cost model, or one algorithm wherever it is
// possible at all.
void set_conv_algorithm(ConvAlgorithm algorithm);
ConvAlgorithm conv_algorithm();

enum class ConvDirection { kForward, kInput, kKernel };

// Whether this convolution, or the gradient of its input or kernel, is computed by Winograd's
// algorithm. `fixed_kernel`: the transformed kernel is computed once, not in every run.
bool use_winograd(const Conv2D& conv, ConvDirection direction, DType dtype, bool fixed_kernel);

}  // namespace pyframe
