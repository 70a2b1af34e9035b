// Small dense networks on two cores.
//
// Cut in lanes of rows, both cores read and write all weights in every step, and these move from
// core to core. Cut in columns they stay: part p of a kernel are the rows that belong to part p of
// the layer's input, and whoever has part p
//  - multiplies its part of x with its part of w: a share of the sums for all of y, which are added
//    up by the columns of y,
//  - computes its columns of dx = dy w^T, which need its part of w alone,
//  - and its part of dw = x^T dy, which the optimizer adds to its part of w.
// Only activations and their gradients travel. Losses run in lanes of rows, as anywhere else.
#include <algorithm>

#include "graph/builder.h"
#include "ir/op.h"

namespace pyframe {
namespace {

// A step of less work is quicker on one thread (some 25 us against a dozen barriers); with more of
// it there are more than two lanes for more than two threads. With more rows activations outweigh
// weights, and lanes move less (bench/NOTES.md).
constexpr int64_t kLeastWork = 1200000, kMostWork = 8000000, kMostRows = 64;

}  // namespace

// Whether this is a training step whose work is nearly all in products that can be cut so.
bool PlanBuilder::cuts_columns() const {
  const int64_t total = plan_.work_;
  bool updates = false;
  for (size_t n = 0; n < nodes_.size(); ++n)
    updates = updates || (kept_[n] && nodes_[n].def->effect);
  return updates && graph_.has_backward() && total >= kLeastWork && total < kMostWork &&
         plan_.batch_ <= kMostRows && plan_.column_work_ >= total / 4 * 3;
}

bool PlanBuilder::is_cut(const Node& node, const std::vector<TensorSpec>& specs) const {
  const auto tensor = [&](TensorId id) -> const PlanTensor& {
    return plan_.tensors_[static_cast<size_t>(id)];
  };
  const OpDef& def = *node.def;
  if (def.column_inputs == 0) return false;
  if (def.fits_columns != nullptr)
    return def.fits_columns({def, node.attrs, specs}, plan_.batch_, tensor(node.inputs[1]).fixed);
  bool cut = tensor(node.outputs[0]).by_columns;
  for (size_t i = 0; i < node.inputs.size(); ++i)
    cut = cut && (!(def.column_inputs >> i & 1) || tensor(node.inputs[i]).by_columns);
  return cut;
}

// Finds the tensors that are written and read in parts of their columns. Their rows begin at
// multiples of a cache line.
void PlanBuilder::mark_columns() {
  const size_t count = plan_.tensors_.size();
  std::vector<bool> fits(count, false);
  const auto at = [](TensorId id) { return static_cast<size_t>(id); };
  const auto specs = [&](const Node& node) {
    std::vector<TensorSpec> result;
    for (TensorId id : node.inputs) result.push_back(plan_.tensors_[at(id)].spec);
    return result;
  };
  for (TensorId id : graph_.input_ids()) fits[at(id)] = true;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    if (!kept_[n]) continue;
    if (node.def->column_inputs != 0 && node.def->pitched_output) fits[at(node.outputs[0])] = true;
    const bool pitched =
        node.def->can_pitch == nullptr || node.def->can_pitch({*node.def, node.attrs, specs(node)});
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.def->reads(i) && !(node.def->column_inputs >> std::min<size_t>(i, 31) & 1 &&
                                  node.def->reads_pitched(i) && pitched))
        fits[at(node.inputs[i])] = false;
    if (node.after != kNoTensor) fits[at(node.after)] = false;
  }
  for (const Epilogue& epilogue : epilogues_)
    if (epilogue.residual != kNoTensor) fits[at(epilogue.residual)] = false;
  for (TensorId id : outputs_) fits[at(id)] = false;
  for (size_t i = 0; i < count; ++i) {
    PlanTensor& tensor = plan_.tensors_[i];
    if (!fits[i] || tensor.spec.shape.size() != 2 || tensor.spec.dtype == DType::kI32 ||
        tensor.view_of != kNoTensor || tensor.readers == 0 || tensor.spec.shape[1] < 32)
      continue;
    tensor.by_columns = true;
  }
  // Where each part reads its own columns alone, the parts lie apart: the hardware prefetches what
  // lies behind a part's columns, and would take these lines from the core that writes them.
  std::vector<bool> apart(count, false);
  for (TensorId id : graph_.input_ids()) apart[at(id)] = true;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    if (!kept_[n]) continue;
    const bool cut = is_cut(node, specs(node));
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.def->reads(i) && !(cut && node.def->own_columns >> std::min<size_t>(i, 31) & 1))
        apart[at(node.inputs[i])] = false;
    if (cut) apart[at(node.outputs[0])] = true;
  }
  for (size_t i = 0; i < count; ++i) {
    PlanTensor& tensor = plan_.tensors_[i];
    if (!tensor.by_columns) continue;
    const int64_t line = 64 / static_cast<int64_t>(dtype_size(tensor.spec.dtype));
    if (tensor.spec.shape[1] % line == 0 && !apart[i]) continue;
    TensorSpec wide = tensor.spec;
    wide.shape[1] = round_up(wide.shape[1], line);
    if (apart[i]) {
      tensor.part_stride = wide.shape[0] * wide.shape[1];
      wide.shape[0] *= kColumnParts;
    }
    tensor.view_of = static_cast<TensorId>(plan_.tensors_.size());
    plan_.tensors_.push_back({wide});
  }
}

}  // namespace pyframe
