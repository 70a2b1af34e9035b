// What is computed from the parameters of a normalisation alone.
#pragma once

#include "ir/lowering.h"

namespace pyframe {

// Adds the step scale = gamma / sqrt(variance + epsilon) and returns scale.
TensorId lower_norm_scale(Lowering& l, TensorId gamma, TensorId variance, double epsilon);

}  // namespace pyframe
