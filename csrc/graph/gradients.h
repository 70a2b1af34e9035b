// Reverse-mode differentiation (back-propagation) on the graph.
#pragma once

#include <vector>

#include "ir/graph.h"

namespace pyframe {

// Adds the operators that compute d loss / d wrt[i] and returns these tensors; kNoTensor where
// no path leads from wrt[i] to the loss. Each operator's own rule says what it emits; sums over
// several uses are added in the order of the uses.
std::vector<TensorId> gradients(Graph& graph, TensorId loss, const std::vector<TensorId>& wrt);

}  // namespace pyframe
