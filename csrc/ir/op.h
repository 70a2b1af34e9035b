// How an operator is declared. One file in csrc/ops holds one operator family: shape rule,
// gradient rule and lowering to kernel calls; register_op at the end of the file makes it known.
#pragma once

#include <string>
#include <vector>

#include "common/check.h"
#include "common/types.h"
#include "ir/attrs.h"
#include "ir/graph.h"

namespace pyframe {

class Lowering;

// What a shape rule sees. Shapes are concrete.
struct OpContext {
  const OpDef& def;
  const Attrs& attrs;
  const std::vector<TensorSpec>& inputs;

  const Shape& shape(size_t i) const { return inputs[i].shape; }
  int64_t rank(size_t i) const { return static_cast<int64_t>(inputs[i].shape.size()); }
  size_t count() const { return inputs.size(); }
  // Throws Error "[conv2d] <parts> Received: input shapes ..., attributes".
  template <typename... Parts>
  void require(bool condition, const Parts&... parts) const {
    if (!condition) fail(cat(parts...));
  }
  [[noreturn]] void fail(const std::string& message) const;
};

// What a gradient rule sees: it adds operators to the graph.
struct OpDef;
const std::string& op_name(const OpDef& def);

class GradientContext {
 public:
  GradientContext(Graph& graph, const Node& node, std::vector<TensorId> dys)
      : graph_(graph), node_(node), dys_(std::move(dys)), dxs_(node_.inputs.size(), kNoTensor) {}

  const std::string& name() const { return op_name(*node_.def); }
  const Attrs& attrs() const { return node_.attrs; }
  size_t count() const { return node_.inputs.size(); }
  TensorId x(size_t i) const { return node_.inputs[i]; }
  TensorId y(size_t i) const { return node_.outputs[i]; }
  TensorId dy(size_t i = 0) const { return dys_[i]; }  // kNoTensor when output i has no gradient
  const TensorSpec& spec(TensorId id) const { return graph_.tensor(id).spec; }
  bool needs(size_t i) const { return needed_[i]; }
  void set(size_t i, TensorId dx) { dxs_[i] = dx; }
  TensorId op(const std::string& name, const std::vector<TensorId>& inputs,
              const Attrs& attrs = {}) {
    return graph_.op(name, inputs, attrs)[0];
  }
  // All outputs of an operator.
  std::vector<TensorId> ops(const std::string& name, const std::vector<TensorId>& inputs,
                            const Attrs& attrs = {}) {
    return graph_.op(name, inputs, attrs);
  }
  TensorId scalar_like(TensorId id, double value) { return graph_.scalar(value, spec(id).dtype); }

  const std::vector<TensorId>& dxs() const { return dxs_; }
  void set_needed(std::vector<bool> needed) { needed_ = std::move(needed); }

 private:
  Graph& graph_;
  const Node node_;  // a copy: adding operators may move the graph's nodes
  std::vector<TensorId> dys_;
  std::vector<TensorId> dxs_;
  std::vector<bool> needed_;
};

struct OpDef {
  std::string name;
  int min_inputs = 1;
  int max_inputs = 1;  // -1: any number
  std::vector<std::string> attrs;
  std::vector<TensorSpec> (*infer)(const OpContext&) = nullptr;
  void (*lower)(Lowering&) = nullptr;
  void (*gradient)(GradientContext&) = nullptr;  // null: not differentiable
  // Multiply-adds (or elements touched); null: the number of output elements.
  int64_t (*work)(const OpContext&) = nullptr;
  // An effect updates variables, has no outputs and runs after their other readers.
  bool effect = false;
  // Of an effect: whether it changes input i, which must then be a variable.
  bool (*updates)(const Attrs& attrs, int i) = nullptr;
  // Inputs [shape_only_from, shape_only_to) are read for their shape alone.
  int shape_only_from = 0, shape_only_to = 0;
  bool reads(size_t i) const {
    return static_cast<int>(i) < shape_only_from || static_cast<int>(i) >= shape_only_to;
  }
  // Which inputs it can read, and whether it can write output 0, in rows that lie apart: bit i
  // for input i, the last one for all behind it (see Lowering::pitch). `can_pitch` may restrict
  // that to some shapes.
  uint32_t pitched_inputs = 0;
  bool pitched_output = false;
  bool (*can_pitch)(const OpContext&) = nullptr;
  bool reads_pitched(size_t i) const { return pitched_inputs >> (i < 31 ? i : 31) & 1; }
  // Which of its inputs it can take in parts of their columns, if it can be cut so itself: bit i
  // for input i. Its result is in such parts then (see Lowering::columns).
  uint32_t column_inputs = 0;
  // Of which of them each part reads its own columns alone.
  uint32_t own_columns = 0;
  // Whether it is cut, for the inputs of a plan with batches of so many rows; input 1 may be a
  // kernel that is the same in every run. Null: if all column inputs and the result are in parts.
  bool (*fits_columns)(const OpContext& context, int64_t batch, bool fixed_kernel) = nullptr;
  // Puts its inputs side by side along the attribute `axis`, or hands out number `piece` of what
  // was put together so (inputs: the whole, then all pieces for their shapes).
  bool joins = false, splits = false;
  // Emitted by gradient rules alone; its inputs are not checked, so users cannot call it.
  bool internal = false;
  // The derivative is zero wherever it exists (comparisons, rounding): no rule is needed.
  bool flat = false;
  // May run as the epilogue of the operator that computes its input (see Lowering::epilogue).
  bool fusable = false;
  // Can take such an epilogue.
  bool takes_epilogue = false;
  // Such an epilogue may begin with a sum (see Epilogue::residual).
  bool takes_residual = false;
  // Whether such an epilogue may end in a pooling (see Epilogue::pooled) on these inputs, whose
  // kernel, input 1, is the same in every run or not; null: never.
  bool (*takes_pooling)(const OpContext& context, bool fixed_kernel) = nullptr;
  // Takes the largest cell of windows `pool_size` that are `strides` apart.
  bool pools_maxima = false;
  // The rows of this residual may lie apart, by another distance than those of the result.
  bool pitched_residual = false;
  // Input 1 is a kernel whose last axis is that of the result, input 2 (if there) a bias: the
  // result may be scaled and shifted by channel in them.
  bool folds_channels = false;
  // The attribute pads may say how many zeros surround the image (N, H, W, C), if they are fewer
  // than the cells of the kernel; see make_windows. The image is input 0, or the result whose shape
  // is that of input 2; `padded_kernel` is the input that is the kernel.
  enum class FoldsPadding { kNo, kOfInput, kOfResult } folds_padding = FoldsPadding::kNo;
  size_t padded_kernel = 1;
  // Surrounds its input with `before` and `after` cells of `value`.
  bool is_padding = false;
  // y = (x - mean) / sqrt(variance + epsilon) * gamma + beta; inputs x, gamma, beta, mean,
  // variance.
  bool normalises_channels = false;
  // Rows of the result can be computed as the next operator wants them.
  bool makes_rows = false;
  // The operator that is one with `makes_rows` and then this one, whose input 0 is its result;
  // empty: there is none. Its inputs are those of the first and then the others of the second, its
  // attributes those of the first.
  std::string with_rows;
  // Of such an operator: whether it can, and had better, take the place of the two.
  bool (*replaces)(const OpContext& first, const OpContext& second) = nullptr;
  // y = a + b, if these have the same shape.
  bool is_sum = false;
  // A pure function of its inputs, whose result a plan may compute again in the backward pass
  // instead of keeping it (csrc/graph/recompute.cc).
  bool recomputable = false;
  // The operator that computes output 0 from the inputs and the other outputs; empty: this one.
  std::string recompute_as;
  int id = 0;  // free for families registered from a list (the Unary or Binary code)
};

bool register_op(OpDef def);
const OpDef& find_op(const std::string& name);  // throws Error naming close matches
std::vector<std::string> operator_names();      // without internal ones

}  // namespace pyframe
