// Folds padding with zeros into the windows behind it, and their gradients, and normalisations with
// given statistics into the product before them.
//
// conv(x, w, b) * scale + shift = conv(x, w * scale, b * scale + shift) if the result's channels
// are the last axis of the kernel. It is done where nobody else reads the product and where
// neither kernel nor statistics change in the plan: the new kernel is then part of the prologue.
#include <utility>

#include "graph/builder.h"
#include "ir/op.h"

namespace pyframe {
namespace {

// The zeros that the node puts above, below, left and right of images; empty if it does anything
// else, or surrounds them with a whole window or more of a kernel (kh, kw, ...).
Ints zeros_around(const Node& node, const Shape& kernel) {
  const Ints before = node.attrs.ints("before", {}), after = node.attrs.ints("after", {});
  if (before.size() != 4 || node.attrs.number("value", 0) != 0) return {};
  for (const Ints* amounts : {&before, &after}) {
    if ((*amounts)[0] != 0 || (*amounts)[3] != 0) return {};
    for (size_t d = 1; d < 3; ++d)
      if ((*amounts)[d] < 0 || (*amounts)[d] >= kernel[d - 1]) return {};
  }
  return {before[1], after[1], before[2], after[2]};
}

// Whether `rest` takes away what `padding` added.
bool cuts_off(const Node& rest, const Node& padding) {
  for (const char* name : {"before", "after"}) {
    Ints amounts = padding.attrs.ints(name, {});
    for (int64_t& n : amounts) n = -n;
    if (rest.attrs.ints(name, {}) != amounts) return false;
  }
  return true;
}

}  // namespace

void PlanBuilder::fold_padding() {
  using FoldsPadding = OpDef::FoldsPadding;
  const auto tensor = [&](TensorId id) -> PlanTensor& {
    return plan_.tensors_[static_cast<size_t>(id)];
  };
  std::vector<int> padding(plan_.tensors_.size(), -1);  // the padding operator behind a tensor
  std::vector<int> cut(plan_.tensors_.size(), -1);      // the one that reads it
  struct Window {
    size_t node;
    Ints pads;
  };
  std::vector<std::vector<Window>> readers(plan_.tensors_.size()), gradients = readers;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    if (!kept_[n]) continue;
    if (node.def->is_padding) {
      padding[static_cast<size_t>(node.outputs[0])] = static_cast<int>(n);
      cut[static_cast<size_t>(node.inputs[0])] = static_cast<int>(n);
    }
    const FoldsPadding folds = node.def->folds_padding;
    if (folds == FoldsPadding::kNo || node.attrs.text("padding", "valid") != "valid") continue;
    const auto x = static_cast<size_t>(node.inputs[folds == FoldsPadding::kOfInput ? 0 : 2]);
    if (padding[x] < 0) continue;
    Ints pads = zeros_around(nodes_[static_cast<size_t>(padding[x])],
                             tensor(node.inputs[node.def->padded_kernel]).spec.shape);
    if (pads.empty()) continue;
    (folds == FoldsPadding::kOfInput ? readers : gradients)[x].push_back({n, std::move(pads)});
  }
  for (size_t x = 0; x < readers.size(); ++x) {
    if (readers[x].empty() && gradients[x].empty()) continue;
    const auto p = static_cast<size_t>(padding[x]);
    const TensorId image = nodes_[p].inputs[0];
    if (element_count(tensor(image).spec.shape) == 0) continue;
    // What cuts the padding off again is part of the gradient that it reads alone.
    for (const auto& [n, pads] : gradients[x]) {
      const TensorId dx = nodes_[n].outputs[0];
      const int cutting = cut[static_cast<size_t>(dx)];
      if (cutting < 0 || tensor(dx).readers != 1) continue;
      const Node& rest = nodes_[static_cast<size_t>(cutting)];
      if (!cuts_off(rest, nodes_[p])) continue;
      nodes_[n].attrs.set("pads", pads);
      nodes_[n].inputs[2] = image;
      nodes_[n].outputs[0] = rest.outputs[0];
      kept_[static_cast<size_t>(cutting)] = false;
    }
    // All readers take the padding over, or none does: else it would be computed all the same.
    if (readers[x].empty() || static_cast<size_t>(plan_.tensors_[x].readers) != readers[x].size())
      continue;
    for (const auto& [n, pads] : readers[x]) {
      nodes_[n].attrs.set("pads", pads);
      nodes_[n].inputs[0] = image;
      tensor(image).readers += 1;
    }
    tensor(image).readers -= 1;
    kept_[p] = false;
  }
}

void PlanBuilder::fold() {
  // Whether all inputs but x are the same in every run.
  const auto is_fixed = [&](const Node& node) {
    for (size_t i = 1; i < node.inputs.size(); ++i)
      if (!plan_.tensors_[static_cast<size_t>(node.inputs[i])].fixed) return false;
    return true;
  };
  std::vector<int> producer(plan_.tensors_.size(), -1);
  std::vector<std::vector<Node>> before(nodes_.size());  // new nodes, by the one they precede
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!kept_[n]) continue;
    for (TensorId id : nodes_[n].outputs) producer[static_cast<size_t>(id)] = static_cast<int>(n);
    const Node& norm = nodes_[n];
    if (!norm.def->normalises_channels || !is_fixed(norm)) continue;
    const auto x = static_cast<size_t>(norm.inputs[0]);
    if (producer[x] < 0 || plan_.tensors_[x].readers != 1) continue;
    const auto p = static_cast<size_t>(producer[x]);
    Node& product = nodes_[p];
    if (!product.def->folds_channels || !before[p].empty() || !is_fixed(product)) continue;

    const auto add = [&](const char* name, std::vector<TensorId> inputs, TensorId like) {
      const auto id = static_cast<TensorId>(plan_.tensors_.size());
      plan_.tensors_.push_back({plan_.tensors_[static_cast<size_t>(like)].spec, TensorKind::kValue,
                                -1, kNoTensor, 1, 1, true});
      producer.push_back(-1);
      before[p].push_back({&find_op(name), norm.attrs, std::move(inputs), {id}});
      return id;
    };
    const TensorId gamma = norm.inputs[1], beta = norm.inputs[2], mean = norm.inputs[3],
                   variance = norm.inputs[4];
    std::vector<TensorId> bias = {gamma, beta, mean, variance};
    if (product.inputs.size() > 2) bias.push_back(product.inputs[2]);
    const TensorId kernel =
        add("fold_kernel", {gamma, variance, product.inputs[1]}, product.inputs[1]);
    product.inputs = {product.inputs[0], kernel, add("fold_bias", std::move(bias), beta)};
    product.outputs = norm.outputs;
    producer[static_cast<size_t>(norm.outputs[0])] = static_cast<int>(p);
    kept_[n] = false;
  }

  std::vector<Node> nodes;
  std::vector<bool> kept;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    for (Node& node : before[n]) {
      nodes.push_back(std::move(node));
      kept.push_back(true);
    }
    nodes.push_back(std::move(nodes_[n]));
    kept.push_back(kept_[n]);
  }
  nodes_ = std::move(nodes);
  kept_ = std::move(kept);
}

}  // namespace pyframe
