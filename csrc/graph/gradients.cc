#include "graph/gradients.h"

#include "ir/op.h"

namespace pyframe {

std::vector<TensorId> gradients(Graph& graph, TensorId loss, const std::vector<TensorId>& wrt) {
  const GraphTensor& target = graph.tensor(loss);
  check(target.spec.shape.empty(),
        "gradients need a scalar loss. Received shape: ", to_string(target.spec.shape));
  // Tensors through which a gradient must flow: those that depend on one of wrt.
  std::vector<bool> needs(graph.tensors().size(), false);
  for (TensorId id : wrt) {
    graph.tensor(id);
    needs[id] = true;
  }
  const int last = static_cast<int>(graph.nodes().size());
  graph.begin_backward();
  for (int n = 0; n < last; ++n) {
    const Node& node = graph.nodes()[n];
    if (node.def->flat) continue;
    bool any = false;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      any = any || (needs[node.inputs[i]] && node.def->reads(i));
    if (any)
      for (TensorId id : node.outputs) needs[id] = true;
  }
  std::vector<TensorId> grad(graph.tensors().size(), kNoTensor);
  if (needs[loss]) grad[loss] = graph.scalar(1.0, target.spec.dtype);
  for (int n = last - 1; n >= 0; --n) {
    const Node node = graph.nodes()[n];
    if (node.def->flat) continue;
    std::vector<TensorId> dys;
    bool any = false;
    for (TensorId id : node.outputs) {
      dys.push_back(grad[id]);
      any = any || grad[id] != kNoTensor;
    }
    if (!any) continue;
    std::vector<bool> needed;
    bool wanted = false;
    for (TensorId id : node.inputs) {
      needed.push_back(needs[id]);
      wanted = wanted || needs[id];
    }
    if (!wanted) continue;
    check(node.def->gradient != nullptr, "[", node.def->name,
          "] has no gradient, and the loss depends on a variable through it. Use stop_gradient "
          "where none is wanted");
    GradientContext context(graph, node, dys);
    context.set_needed(needed);
    node.def->gradient(context);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const TensorId dx = context.dxs()[i];
      if (dx == kNoTensor || !needed[i]) continue;
      TensorId& sum = grad[node.inputs[i]];
      sum = sum == kNoTensor ? dx : graph.op("add", {sum, dx}, {})[0];
    }
  }
  std::vector<TensorId> result;
  for (TensorId id : wrt) result.push_back(grad[id]);
  return result;
}

}  // namespace pyframe
