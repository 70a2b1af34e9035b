// What is computed from the parameters of a normalisation alone.
#pragma once

#include <cmath>

#include "ir/lowering.h"

namespace pyframe {

template <typename T>
T norm_scale(T gamma, T variance, double epsilon) {
  return static_cast<T>(static_cast<double>(gamma) /
                        std::sqrt(static_cast<double>(variance) + epsilon));
}

// Adds the step scale = gamma / sqrt(variance + epsilon) and returns scale.
TensorId lower_norm_scale(Lowering& l, TensorId gamma, TensorId variance, double epsilon);

}  // namespace pyframe
