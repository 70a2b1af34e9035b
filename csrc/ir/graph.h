// A traced computation: tensors, and operators in topological order.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/memory.h"
#include "common/types.h"
#include "ir/attrs.h"
#include "ir/variable.h"

namespace pyframe {

struct OpDef;

using TensorId = int;
constexpr TensorId kNoTensor = -1;

enum class TensorKind { kInput, kVariable, kConstant, kValue };

struct Constant {
  TensorSpec spec;
  std::shared_ptr<Buffer> data;
};

struct GraphTensor {
  TensorSpec spec;  // dimensions may be kUnknown
  TensorKind kind = TensorKind::kValue;
  int source = -1;  // index of the input, variable, constant or node
};

struct Node {
  const OpDef* def = nullptr;
  Attrs attrs;
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
  bool backward = false;       // added by gradients() or after it
  TensorId after = kNoTensor;  // set by the planner: not before this tensor is there
};

class Graph {
 public:
  TensorId input(const std::string& name, const Shape& shape, DType dtype);
  TensorId variable(std::shared_ptr<Variable> variable);
  TensorId constant(const TensorSpec& spec, const void* data);
  // A scalar or filled constant of the given dtype.
  TensorId scalar(double value, DType dtype);
  // Adds an operator; throws Error naming the operator and the shapes.
  std::vector<TensorId> op(const std::string& name, const std::vector<TensorId>& inputs,
                           const Attrs& attrs);
  // All operators from here on belong to the backward pass, or follow it.
  void begin_backward() { backward_ = true; }
  bool has_backward() const { return backward_; }
  const GraphTensor& tensor(TensorId id) const;
  const std::vector<GraphTensor>& tensors() const { return tensors_; }
  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<std::string>& input_names() const { return input_names_; }
  const std::vector<TensorId>& input_ids() const { return input_ids_; }
  const std::vector<std::shared_ptr<Variable>>& variables() const { return variables_; }
  const std::vector<Constant>& constants() const { return constants_; }
  std::string str() const;

 private:
  TensorId add_tensor(TensorSpec spec, TensorKind kind, int source);

  std::vector<GraphTensor> tensors_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, std::vector<int>>
      pure_;  // recomputable nodes by operator and inputs
  bool backward_ = false;
  std::vector<std::string> input_names_;
  std::vector<TensorId> input_ids_;
  std::vector<std::shared_ptr<Variable>> variables_;
  std::vector<TensorId> variable_ids_;
  std::vector<Constant> constants_;
};

// Output shapes of an operator; unknown dimensions allowed.
std::vector<TensorSpec> infer_specs(const OpDef& def, const Attrs& attrs,
                                    const std::vector<TensorSpec>& inputs);

}  // namespace pyframe
