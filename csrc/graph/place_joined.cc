// Concatenation without copies.
//
// An input of a concatenation along the last axis becomes a view: columns of the result, which its
// producer writes and its readers read in rows that lie apart. Concatenations of concatenations (a
// dense block) are one tensor in the end. It is done where all who touch the input can; what
// remains is copied by the concatenation.
#include "graph/builder.h"
#include "ir/op.h"

namespace pyframe {
void PlanBuilder::place_joined() {
  if (!join_in_place_) return;
  std::vector<PlanTensor>& tensors = plan_.tensors_;
  const auto tensor = [&](TensorId id) -> PlanTensor& { return tensors[static_cast<size_t>(id)]; };
  // Whether an operator takes part at all, for its shapes.
  const auto can_pitch = [&](const Node& node) {
    if (node.def->can_pitch == nullptr) return true;
    std::vector<TensorSpec> specs;
    for (TensorId id : node.inputs) specs.push_back(tensor(id).spec);
    return node.def->can_pitch({*node.def, node.attrs, specs});
  };
  // Tensors that can be views, and those that are the same in every run, whose storage lasts.
  std::vector<bool> fits(tensors.size(), false), steady(tensors.size(), false);
  for (size_t i = 0; i < tensors.size(); ++i)
    steady[i] = tensors[i].fixed && tensors[i].source >= 0;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    if (!kept_[n]) continue;
    const bool takes_part = can_pitch(node);
    bool fixed = true;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.def->reads(i)) fixed = fixed && steady[static_cast<size_t>(node.inputs[i])];
    const TensorId residual =
        epilogue_of_[n] < 0 ? kNoTensor : epilogues_[static_cast<size_t>(epilogue_of_[n])].residual;
    for (TensorId id : node.outputs) steady[static_cast<size_t>(id)] = fixed;
    if (node.def->pitched_output && takes_part && !fixed && residual == kNoTensor)
      fits[static_cast<size_t>(node.outputs[0])] =
          element_count(tensor(node.outputs[0]).spec.shape) > 0;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.def->reads(i) && !(takes_part && node.def->reads_pitched(i)))
        fits[static_cast<size_t>(node.inputs[i])] = false;
    if (residual != kNoTensor) fits[static_cast<size_t>(residual)] = false;
  }
  for (TensorId id : outputs_) fits[static_cast<size_t>(id)] = false;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    if (!kept_[n] || !node.def->joins || !can_pitch(node)) continue;
    const TensorId y = node.outputs[0];
    if (steady[static_cast<size_t>(y)]) continue;
    int64_t column = 0;
    for (TensorId id : node.inputs) {
      PlanTensor& x = tensor(id);
      if (fits[static_cast<size_t>(id)] && x.view_of == kNoTensor) {
        x.view_of = y;
        x.view_column = column;
      }
      column += x.spec.shape.back();
    }
  }
  // Rows whose distance is a multiple of 512 bytes share few sets of the caches: where nobody
  // minds, they lie a cache line further apart.
  const size_t count = tensors.size();
  for (size_t i = 0; i < count; ++i) {
    if (tensors[i].view_of == kNoTensor) continue;
    const TensorId y = place_of(tensors, static_cast<TensorId>(i)).root;
    TensorSpec wide = tensor(y).spec;
    const auto size = static_cast<int64_t>(dtype_size(wide.dtype));
    if (static_cast<size_t>(y) >= count || !fits[static_cast<size_t>(y)] ||
        wide.shape.back() * size % 512 != 0)
      continue;
    wide.shape.back() += 64 / size;
    tensor(y).view_of = static_cast<TensorId>(tensors.size());
    tensors.push_back({wide});
  }
}

}  // namespace pyframe
