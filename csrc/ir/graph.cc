#include "ir/graph.h"

#include <algorithm>
#include <cstring>

#include "common/dispatch_dtype.h"
#include "common/stand_in.h"
#include "ir/op.h"

namespace pyframe {

std::vector<TensorSpec> infer_specs(const OpDef& def, const Attrs& attrs,
                                    const std::vector<TensorSpec>& inputs) {
  const int count = static_cast<int>(inputs.size());
  check(count >= def.min_inputs && (def.max_inputs < 0 || count <= def.max_inputs), "[", def.name,
        "] takes ", def.min_inputs, def.max_inputs == def.min_inputs ? "" : " or more",
        " inputs. Received: ", count);
  for (const auto& [name, value] : attrs.values())
    check(std::find(def.attrs.begin(), def.attrs.end(), name) != def.attrs.end(), "[", def.name,
          "] has no attribute '", name, "'");

  bool unknown = false;
  std::vector<TensorSpec> concrete = inputs;
  for (TensorSpec& spec : concrete) {
    for (int64_t dim : spec.shape) unknown = unknown || dim == kUnknown;
    spec.shape = substitute(spec.shape, 0);
  }
  std::vector<TensorSpec> result = def.infer({def, attrs, concrete});
  if (!unknown) return result;
  for (size_t i = 0; i < inputs.size(); ++i) concrete[i].shape = substitute(inputs[i].shape, 1);
  const std::vector<TensorSpec> second = def.infer({def, attrs, concrete});
  for (size_t i = 0; i < result.size(); ++i)
    result[i].shape = merge_stand_ins(result[i].shape, second[i].shape);
  return result;
}

TensorId Graph::add_tensor(TensorSpec spec, TensorKind kind, int source) {
  tensors_.push_back({std::move(spec), kind, source});
  return static_cast<TensorId>(tensors_.size()) - 1;
}

const GraphTensor& Graph::tensor(TensorId id) const {
  check(id >= 0 && id < static_cast<TensorId>(tensors_.size()), "tensor ", id,
        " is not in this graph");
  return tensors_[id];
}

TensorId Graph::input(const std::string& name, const Shape& shape, DType dtype) {
  for (int64_t dim : shape)
    check(dim == kUnknown || dim >= 0, "input '", name, "' has the shape ", to_string(shape),
          ": dimensions must be positive or None");
  input_names_.push_back(name);
  input_ids_.push_back(
      add_tensor({shape, dtype}, TensorKind::kInput, static_cast<int>(input_ids_.size())));
  return input_ids_.back();
}

TensorId Graph::variable(std::shared_ptr<Variable> variable) {
  const auto known = std::find(variables_.begin(), variables_.end(), variable);
  if (known != variables_.end())
    return variable_ids_[static_cast<size_t>(known - variables_.begin())];
  variables_.push_back(variable);
  variable_ids_.push_back(
      add_tensor(variable->spec(), TensorKind::kVariable, static_cast<int>(variables_.size()) - 1));
  return variable_ids_.back();
}

TensorId Graph::constant(const TensorSpec& spec, const void* data) {
  const size_t bytes = static_cast<size_t>(element_count(spec.shape)) * dtype_size(spec.dtype);
  auto buffer = std::make_shared<Buffer>(bytes);
  if (bytes > 0) std::memcpy(buffer->data(), data, bytes);
  constants_.push_back({spec, std::move(buffer)});
  return add_tensor(spec, TensorKind::kConstant, static_cast<int>(constants_.size()) - 1);
}

TensorId Graph::scalar(double value, DType dtype) {
  return dispatch_any(dtype, [&](auto tag) {
    const auto typed = static_cast<typename decltype(tag)::type>(value);
    return constant({{}, dtype}, &typed);
  });
}

std::vector<TensorId> Graph::op(const std::string& name, const std::vector<TensorId>& inputs,
                                const Attrs& attrs) {
  const OpDef& def = find_op(name);
  std::vector<TensorSpec> specs;
  for (TensorId id : inputs) specs.push_back(tensor(id).spec);
  const std::vector<TensorSpec> results = infer_specs(def, attrs, specs);
  for (size_t i = 0; def.effect && i < inputs.size(); ++i) {
    if (!def.updates(attrs, static_cast<int>(i))) continue;
    check(std::count(inputs.begin(), inputs.end(), inputs[i]) == 1, "[", name,
          "] was given the same variable twice");
    check(tensor(inputs[i]).kind == TensorKind::kVariable, "[", name, "] changes its input ", i,
          ", which is not a variable");
  }
  const int index = static_cast<int>(nodes_.size());
  // The same function of the same tensors is computed once (relus that branches share).
  if (def.recomputable) {
    std::string key = name;
    for (TensorId id : inputs) key += cat(",", id);
    std::vector<int>& same = pure_[key];
    for (int n : same)
      if (nodes_[static_cast<size_t>(n)].attrs.values() == attrs.values())
        return nodes_[static_cast<size_t>(n)].outputs;
    same.push_back(index);
  }
  Node node{&def, attrs, inputs, {}, backward_};
  for (const TensorSpec& spec : results)
    node.outputs.push_back(add_tensor(spec, TensorKind::kValue, index));
  nodes_.push_back(node);
  return node.outputs;
}

std::string Graph::str() const {
  std::string text;
  for (const Node& node : nodes_) {
    for (size_t i = 0; i < node.outputs.size(); ++i) {
      const GraphTensor& out = tensors_[node.outputs[i]];
      text += cat(i ? ", %" : "%", node.outputs[i], " ", dtype_name(out.spec.dtype),
                  to_string(out.spec.shape));
    }
    text += cat(node.outputs.empty() ? "" : " = ", node.def->name, "(");
    for (size_t i = 0; i < node.inputs.size(); ++i) text += cat(i ? ", %" : "%", node.inputs[i]);
    for (const auto& [name, value] : node.attrs.values())
      text += cat("; ", name, "=", to_string(value));
    text += ")\n";
  }
  return text;
}

}  // namespace pyframe
