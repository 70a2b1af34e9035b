// Which algorithm computes a convolution: a function of shapes, type and instruction set, so that
// a plan's results do not depend on the machine's load or on the number of threads.
#pragma once

#include "ops/conv2d.h"

namespace pyframe {

enum class ConvAlgorithm { kAuto, kDirect, kWinograd, kWinograd2x2 };

// The choice for plans compiled from now on: by the cost model, or one algorithm wherever it is
// possible at all.
void set_conv_algorithm(ConvAlgorithm algorithm);
ConvAlgorithm conv_algorithm();

enum class ConvDirection { kForward, kInput, kKernel };

// How one convolution, or one gradient of it, is computed: kAcross is the direct sum as products
// across images (conv_across.h); tiles of 4 x 4 results for the gradient of the kernel, too.
enum class ConvMethod { kDirect, kAcross, kWinograd2x2, kWinograd4x4 };

// `fixed_kernel`: what is made of the kernel is made once, not in every run.
ConvMethod conv_method(const Conv2D& conv, ConvDirection direction, DType dtype, bool fixed_kernel);

// Size of the tiles of results of Winograd's algorithm, 0: it is none of that.
inline int64_t winograd_results(ConvMethod method) {
  return method == ConvMethod::kWinograd2x2 ? 2 : method == ConvMethod::kWinograd4x4 ? 4 : 0;
}

}  // namespace pyframe
