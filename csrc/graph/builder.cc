#include "graph/builder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "common/dispatch_dtype.h"
#include "ir/op.h"
#include "ops/unary.h"

namespace pyframe {

void PlanBuilder::build() {
  nodes_ = graph_.nodes();
  make_tensors();
  select_nodes();
  find_fixed();
  fold_padding();
  fold();
  recompute();
  fuse();
  rows_on_demand();
  place_joined();
  lower();
  schedule();
  place_memory();
}

void PlanBuilder::make_tensors() {
  for (TensorId id : outputs_) graph_.tensor(id);  // refuses ids of other graphs
  for (TensorId id : changing_) graph_.tensor(id);
  const size_t inputs = graph_.input_ids().size();
  check(input_shapes_.size() == inputs, "the graph has ", inputs,
        " inputs. Received: ", input_shapes_.size(), " shapes");
  for (const GraphTensor& tensor : graph_.tensors())
    plan_.tensors_.push_back({tensor.spec, tensor.kind, tensor.source, kNoTensor, 1, 0});
  for (size_t i = 0; i < inputs; ++i) {
    const Shape& declared = graph_.tensor(graph_.input_ids()[i]).spec.shape;
    const Shape& given = input_shapes_[i];
    bool fits = declared.size() == given.size();
    for (size_t d = 0; fits && d < given.size(); ++d)
      fits = given[d] >= 0 && (declared[d] == kUnknown || declared[d] == given[d]);
    check(fits, "input '", graph_.input_names()[i], "' expects the shape ", to_string(declared),
          ". Received: ", to_string(given));
    plan_.tensors_[static_cast<size_t>(graph_.input_ids()[i])].spec.shape = given;
    plan_.input_specs_.push_back({given, graph_.tensor(graph_.input_ids()[i]).spec.dtype});
  }
  plan_.input_names_ = graph_.input_names();
  // The batch is what the declaration left open; without such an input all rows are one batch.
  const auto is_open = [](const Shape& shape) { return !shape.empty() && shape[0] == kUnknown; };
  bool found = false;
  for (size_t i = 0; i < inputs; ++i) {
    const bool open = is_open(graph_.tensor(graph_.input_ids()[i]).spec.shape);
    if (found || input_shapes_[i].empty() || !(open || i == 0)) continue;
    found = open;
    plan_.batch_ = input_shapes_[i][0];
  }
  for (size_t i = 0; i < inputs; ++i)
    plan_.batched_inputs_.push_back(is_open(graph_.tensor(graph_.input_ids()[i]).spec.shape) &&
                                    input_shapes_[i][0] == plan_.batch_);
  for (const Node& node : nodes_) {
    std::vector<TensorSpec> specs;
    for (TensorId id : node.inputs) specs.push_back(plan_.tensors_[static_cast<size_t>(id)].spec);
    const std::vector<TensorSpec> results = infer_specs(*node.def, node.attrs, specs);
    for (size_t i = 0; i < results.size(); ++i) {
      element_count(results[i].shape);  // refuses what cannot be addressed
      plan_.tensors_[static_cast<size_t>(node.outputs[i])].spec = results[i];
    }
  }
  plan_.variables_ = graph_.variables();
  plan_.constants_ = graph_.constants();
  for (TensorId id : outputs_)
    plan_.batched_outputs_.push_back(is_open(graph_.tensor(id).spec.shape) &&
                                     plan_.tensors_[static_cast<size_t>(id)].spec.shape[0] ==
                                         plan_.batch_);
  for (TensorId id : outputs_)
    plan_.output_specs_.push_back(plan_.tensors_[static_cast<size_t>(id)].spec);
}

void PlanBuilder::select_nodes() {
  std::vector<bool> wanted(graph_.tensors().size(), false);
  for (TensorId id : outputs_) wanted[static_cast<size_t>(id)] = true;
  kept_.assign(nodes_.size(), false);
  for (size_t n = nodes_.size(); n-- > 0;) {
    const Node& node = nodes_[n];
    kept_[n] = node.def->effect;
    for (TensorId id : node.outputs) kept_[n] = kept_[n] || wanted[static_cast<size_t>(id)];
    if (!kept_[n]) continue;
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (node.def->reads(i)) wanted[static_cast<size_t>(node.inputs[i])] = true;
  }
  count_readers();
}

void PlanBuilder::count_readers() {
  for (PlanTensor& tensor : plan_.tensors_) tensor.readers = 0;
  for (TensorId id : outputs_) ++plan_.tensors_[static_cast<size_t>(id)].readers;
  for (size_t n = 0; n < nodes_.size(); ++n)
    for (size_t i = 0; kept_[n] && i < nodes_[n].inputs.size(); ++i)
      if (nodes_[n].def->reads(i))
        ++plan_.tensors_[static_cast<size_t>(nodes_[n].inputs[i])].readers;
}

// Whether the node's epilogue may end in the pooling, of which nobody wants the positions.
bool PlanBuilder::can_pool(size_t n, const Node& pooling) const {
  const auto tensor = [&](TensorId id) -> const PlanTensor& {
    return plan_.tensors_[static_cast<size_t>(id)];
  };
  const Node& node = nodes_[n];
  const Shape& x = tensor(pooling.inputs[0]).spec.shape;
  const Ints pairs = {2, 2}, size = pooling.attrs.ints("pool_size", pairs);
  if (node.def->takes_pooling == nullptr || tensor(pooling.outputs[1]).readers > 0 ||
      size != pairs || pooling.attrs.ints("strides", size) != pairs || x[1] % 2 != 0 ||
      x[2] % 2 != 0)
    return false;
  if (epilogue_of_[n] >= 0) {
    const Epilogue& epilogue = epilogues_[static_cast<size_t>(epilogue_of_[n])];
    if (epilogue.residual != kNoTensor || epilogue.pooled ||
        (epilogue.has_function() && epilogue.function != Unary::k_relu))
      return false;
  }
  std::vector<TensorSpec> specs;
  for (TensorId id : node.inputs) specs.push_back(tensor(id).spec);
  return node.def->takes_pooling({*node.def, node.attrs, specs}, tensor(node.inputs[1]).fixed);
}

void PlanBuilder::fuse() {
  epilogue_of_.assign(nodes_.size(), -1);
  std::vector<int> producer(plan_.tensors_.size(), -1);
  const auto epilogue = [&](size_t p) -> Epilogue& {
    if (epilogue_of_[p] < 0) {
      epilogue_of_[p] = static_cast<int>(epilogues_.size());
      epilogues_.emplace_back();
    }
    return epilogues_[static_cast<size_t>(epilogue_of_[p])];
  };
  // The node whose result only one other reads, -1 if there is none.
  const auto sole = [&](TensorId id) {
    return plan_.tensors_[static_cast<size_t>(id)].readers == 1 ? producer[static_cast<size_t>(id)]
                                                                : -1;
  };
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!kept_[n]) continue;
    Node& node = nodes_[n];
    for (TensorId id : node.outputs) producer[static_cast<size_t>(id)] = static_cast<int>(n);
    if (node.def->fusable) {
      const int before = sole(node.inputs[0]);
      if (before < 0) continue;
      const auto p = static_cast<size_t>(before);
      if (!nodes_[p].def->takes_epilogue) continue;
      if (epilogue_of_[p] >= 0 && (epilogue(p).has_function() || epilogue(p).pooled)) continue;
      const Epilogue function = make_epilogue(*node.def, node.attrs);
      Epilogue& whole = epilogue(p);
      whole.function = function.function;
      std::copy_n(function.attrs, 2, whole.attrs);
      nodes_[p].outputs[0] = node.outputs[0];
      producer[static_cast<size_t>(node.outputs[0])] = before;
      kept_[n] = false;
    } else if (node.def->pools_maxima) {
      const int before = sole(node.inputs[0]);
      if (before < 0 || !can_pool(static_cast<size_t>(before), node)) continue;
      epilogue(static_cast<size_t>(before)).pooled = true;
      nodes_[static_cast<size_t>(before)].outputs[0] = node.outputs[0];
      producer[static_cast<size_t>(node.outputs[0])] = before;
      kept_[n] = false;
    } else if (node.def->is_sum && node.inputs[0] != node.inputs[1]) {
      const auto spec = [&](size_t i) -> const TensorSpec& {
        return plan_.tensors_[static_cast<size_t>(node.inputs[i])].spec;
      };
      // The product's first output is the operand, and nobody between wants the others.
      const auto fits = [&](size_t i, int p) {
        if (p < 0 || !nodes_[static_cast<size_t>(p)].def->takes_residual ||
            epilogue_of_[static_cast<size_t>(p)] >= 0 ||
            nodes_[static_cast<size_t>(p)].outputs[0] != node.inputs[i])
          return false;
        const std::vector<TensorId>& made = nodes_[static_cast<size_t>(p)].outputs;
        for (size_t m = static_cast<size_t>(p) + 1; made.size() > 1 && m < n; ++m)
          for (TensorId id : nodes_[m].inputs)
            if (kept_[m] && std::count(made.begin(), made.end(), id) > 0) return false;
        return true;
      };
      if (spec(0).shape != spec(1).shape || spec(0).shape.empty()) continue;
      // Of two products the later one, whose result is still in the cache.
      const int candidates[2] = {sole(node.inputs[0]), sole(node.inputs[1])};
      size_t which = candidates[1] > candidates[0] ? 1 : 0;
      if (!fits(which, candidates[which])) which = 1 - which;
      if (!fits(which, candidates[which])) continue;
      // The product moves here, where the other operand is known to be there.
      const auto p = static_cast<size_t>(candidates[which]);
      epilogue(n).residual = node.inputs[1 - which];
      const TensorId y = node.outputs[0];
      node.def = nodes_[p].def;
      node.attrs = nodes_[p].attrs;
      node.inputs = nodes_[p].inputs;
      node.outputs = nodes_[p].outputs;
      node.outputs[0] = y;
      for (TensorId id : node.outputs) producer[static_cast<size_t>(id)] = static_cast<int>(n);
      kept_[p] = false;
    }
  }
}

void PlanBuilder::rows_on_demand() {
  inner_epilogue_of_.assign(nodes_.size(), -1);
  std::vector<int> producer(plan_.tensors_.size(), -1);
  const auto specs = [&](const Node& node) {
    std::vector<TensorSpec> result;
    for (TensorId id : node.inputs) result.push_back(plan_.tensors_[static_cast<size_t>(id)].spec);
    return result;
  };
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!kept_[n]) continue;
    Node& node = nodes_[n];
    if (node.def->makes_rows) producer[static_cast<size_t>(node.outputs[0])] = static_cast<int>(n);
    if (node.def->with_rows.empty()) continue;
    const auto x = static_cast<size_t>(node.inputs[0]);
    if (producer[x] < 0 || plan_.tensors_[x].readers != 1) continue;
    const auto p = static_cast<size_t>(producer[x]);
    const Node& first = nodes_[p];
    const OpDef& joint = find_op(node.def->with_rows);
    if (first.after != kNoTensor || node.after != kNoTensor ||
        !joint.replaces({*first.def, first.attrs, specs(first)},
                        {*node.def, node.attrs, specs(node)}))
      continue;
    std::vector<TensorId> inputs = first.inputs;
    inputs.insert(inputs.end(), node.inputs.begin() + 1, node.inputs.end());
    node.def = &joint;
    node.attrs = first.attrs;
    node.inputs = std::move(inputs);
    inner_epilogue_of_[n] = epilogue_of_[p];
    kept_[p] = false;
  }
}

void PlanBuilder::count_work() {
  plan_.work_ = work_;
  plan_.column_work_ = column_work_;
  if (work_ >= 0) return;
  plan_.work_ = plan_.column_work_ = 0;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!kept_[n]) continue;
    const Node& node = nodes_[n];
    std::vector<TensorSpec> specs;
    for (TensorId id : node.inputs) specs.push_back(plan_.tensors_[static_cast<size_t>(id)].spec);
    const int64_t work =
        node.def->work != nullptr
            ? node.def->work({*node.def, node.attrs, specs})
            : element_count(plan_.tensors_[static_cast<size_t>(node.outputs[0])].spec.shape);
    plan_.work_ += work;
    if (node.def->column_inputs != 0) plan_.column_work_ += work;
  }
}

void PlanBuilder::lower() {
  count_work();
  plan_.columns_ = cuts_columns();
  if (plan_.columns_) mark_columns();
  Lowering lowering(plan_.tensors_, plan_.steps_, plan_.work_, plan_.batch_, plan_.columns_);

  for (size_t i = 0; i < graph_.input_ids().size(); ++i) {
    const TensorId id = graph_.input_ids()[i];
    const TensorSpec spec = plan_.tensors_[static_cast<size_t>(id)].spec;
    if (plan_.tensors_[static_cast<size_t>(id)].readers == 0) continue;
    const int64_t size = element_count(spec.shape), row = row_size(spec.shape);
    const DType dtype = spec.dtype;
    if (spec.shape.empty()) {
      lowering.tasks("input", 1, {write_whole(id)}, 1, [=](const Call& c) {
        const Binding::Input& in = c.binding->inputs[i];
        gather_rows(static_cast<SourceType>(in.type), in.data, 1, nullptr, 0, 1, dtype,
                    c.at<char>(0));
      });
      continue;
    }
    const bool batched = plan_.batched_inputs_[i];
    if (lowering.by_columns(id)) {
      const int64_t rows = spec.shape[0], pitch = lowering.pitch(id),
                    plane = lowering.part_stride(id) * static_cast<int64_t>(dtype_size(dtype));
      lowering.columns("input", {write_columns(id)}, size, [=](const Call& c) {
        const Binding::Input& in = c.binding->inputs[i];
        const int64_t* index = batched ? c.binding->index : nullptr;
        const int64_t base = index != nullptr ? c.binding->index_base : 0;
        gather_columns(static_cast<SourceType>(in.type), in.data, row, column_part(row, c.begin),
                       index, batched ? c.first_row - base : 0, rows, dtype,
                       c.at<char>(0) + c.begin * plane, pitch);
      });
      continue;
    }
    lowering.rows("input", spec.shape[0], {write(id)}, size, [=](const Call& c) {
      const Binding::Input& in = c.binding->inputs[i];
      const int64_t* index = batched ? c.binding->index : nullptr;
      const int64_t base = index != nullptr ? c.binding->index_base : 0;
      gather_rows(static_cast<SourceType>(in.type), in.data, row, index,
                  (batched ? c.first_row - base : 0) + c.begin, c.count(), dtype, c.at<char>(0));
    });
  }
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!kept_[n]) continue;
    const size_t first = plan_.steps_.size();
    const auto epilogue = [&](int index) {
      return index < 0 ? nullptr : &epilogues_[static_cast<size_t>(index)];
    };
    lowering.lower(nodes_[n], epilogue(epilogue_of_[n]), epilogue(inner_epilogue_of_[n]));
    if (nodes_[n].after != kNoTensor)
      for (size_t s = first; s < plan_.steps_.size(); ++s) wait_for(plan_.steps_[s], nodes_[n]);
  }
  for (size_t i = 0; i < outputs_.size(); ++i) {
    const TensorSpec spec = plan_.output_specs_[i];
    if (spec.shape.empty()) {
      if (i == 0) loss_step_ = static_cast<int>(plan_.steps_.size());
      dispatch_any(spec.dtype, [&](auto tag) {
        using T = typename decltype(tag)::type;
        lowering.tasks("output", 1, {read_whole(outputs_[i])}, 1, [=](const Call& c) {
          c.scalars[i] = static_cast<double>(*c.at<T>(0));
          if (i == 0 && c.not_finite != nullptr && !std::isfinite(c.scalars[0]))
            c.not_finite->store(true, std::memory_order_relaxed);
        });
      });
      continue;
    }
    const auto row_bytes = static_cast<int64_t>(dtype_size(spec.dtype)) * row_size(spec.shape);
    const bool batched = plan_.batched_outputs_[i];
    lowering.rows("output", spec.shape[0], {read(outputs_[i])}, element_count(spec.shape),
                  [=](const Call& c) {
                    char* to = c.binding->outputs[i];
                    const int64_t row = (batched ? c.first_row : 0) + c.begin;
                    std::memcpy(to + row * row_bytes, c.at<char>(0),
                                static_cast<size_t>(c.count() * row_bytes));
                  });
  }
}

// Makes a step that reads what the run computed wait for node.after: one operand more, which the
// kernel does not look at.
void PlanBuilder::wait_for(Step& step, const Node& node) const {
  const auto is_variable = [&](TensorId id) {
    const TensorKind kind = plan_.tensors_[static_cast<size_t>(id)].kind;
    return kind == TensorKind::kVariable || kind == TensorKind::kConstant;
  };
  bool reads = false;
  for (const Operand& operand : step.operands)
    reads = reads || (operand.access == Access::kRead && !is_variable(operand.tensor) &&
                      std::count(node.inputs.begin(), node.inputs.end(), operand.tensor) > 0);
  if (!reads) return;
  const Shape& shape = plan_.tensors_[static_cast<size_t>(node.after)].spec.shape;
  const bool rows = step.partition == Partition::kRows && !shape.empty() && shape[0] == step.extent;
  step.operands.push_back(rows ? read(node.after) : read_whole(node.after));
}

void PlanBuilder::find_fixed() {
  const auto tensor = [&](TensorId id) -> PlanTensor& {
    return plan_.tensors_[static_cast<size_t>(id)];
  };
  for (PlanTensor& t : plan_.tensors_)
    t.fixed = t.kind == TensorKind::kVariable || t.kind == TensorKind::kConstant;
  for (TensorId id : changing_) tensor(id).fixed = false;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    const Node& node = nodes_[n];
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (kept_[n] && node.def->updates != nullptr &&
          node.def->updates(node.attrs, static_cast<int>(i)))
        tensor(node.inputs[i]).fixed = false;
  }
  for (const Node& node : nodes_) {
    bool fixed = true;
    for (TensorId id : node.inputs) fixed = fixed && tensor(id).fixed;
    for (TensorId id : node.outputs) tensor(id).fixed = fixed;
  }
}

TensorId PlanBuilder::root(TensorId id) const { return place_of(plan_.tensors_, id).root; }

}  // namespace pyframe
