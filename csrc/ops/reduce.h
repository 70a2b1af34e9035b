// Reductions over any set of axes, for operators and gradients alike.
#pragma once

#include <vector>

#include "ir/lowering.h"

namespace pyframe {

enum class Reduction { kSum, kMax };

// Adds the steps y = scale * reduce(x) where dims flagged in `reduced` are folded. y holds the
// remaining elements in order. The order of additions depends on the shape alone.
void lower_reduction(Lowering& l, TensorId x, const Shape& shape, const std::vector<bool>& reduced,
                     Reduction how, double scale, TensorId y);

// Adds the step that makes y zero: gradients over no rows at all.
void lower_zero(Lowering& l, TensorId y, int64_t size);

// Adds the step that sums the `copies` lanes of `lanes` ([copies][size]) into y.
void lower_lane_sum(Lowering& l, TensorId lanes, int64_t copies, int64_t size, TensorId y);

}  // namespace pyframe
