// Elementwise functions of one tensor, and their gradients, from PF_UNARY_LIST.
#include "ops/unary.h"

#include <string>

#include "ops/elementwise.h"

namespace pyframe {
namespace {

struct UnaryInfo {
  const char* name;
  bool from_output;  // the derivative is computed from y
};

#define PF_IS_y true
#define PF_IS_x false
#define PF_INFO(name, operand) {#name, PF_IS_##operand},
constexpr UnaryInfo kUnary[] = {PF_UNARY_LIST(PF_INFO)};
#undef PF_INFO

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  if (c.attrs.has("alpha"))
    c.require(c.attrs.number("alpha", 0) >= 0, "alpha must not be negative.");
  if (c.def.id == static_cast<int>(Unary::k_clip))
    c.require(c.attrs.has("low") && c.attrs.has("high"), "needs low and high.");
  return {c.inputs[0]};
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Epilogue function = make_epilogue(l.def(), l.attrs());
    const T a0 = static_cast<T>(function.attrs[0]), a1 = static_cast<T>(function.attrs[1]);
    const auto kernel = kernels<T>().unary[l.def().id];
    elementwise(l, {l.x(0)}, {}, l.y(), l.y_shape(), 0,
                [=](const Call& c, int64_t offset, int64_t n) {
                  const T values[2] = {a0, a1};
                  kernel(c.at<T>(0) + offset, c.at<T>(1) + offset, n, values);
                });
  });
}

std::vector<TensorSpec> infer_grad(const OpContext& c) { return {c.inputs[0]}; }

void lower_grad(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const Epilogue function = make_epilogue(l.def(), l.attrs());
    const T a0 = static_cast<T>(function.attrs[0]), a1 = static_cast<T>(function.attrs[1]);
    const auto kernel = kernels<T>().unary_grad[l.def().id];
    const TensorId dy = l.x(0), x = l.x(1), dx = l.y();
    if (l.by_columns(dy) && l.by_columns(x) && l.by_columns(dx)) {
      const int64_t rows = l.y_shape()[0], n = l.y_shape()[1];
      const int64_t p_dy = l.part_stride(dy), px = l.part_stride(x), p_dx = l.part_stride(dx);
      const int64_t ld_dy = l.pitch(dy), ldx = l.pitch(x), ld_dx = l.pitch(dx);
      l.columns(l.def().name.c_str(), {read_columns(dy), read_columns(x), write_columns(dx)},
                rows * n, [=](const Call& c) {
                  const T values[2] = {a0, a1};
                  const Range own = column_part(n, c.begin);
                  for (int64_t i = 0; i < rows; ++i)
                    kernel(c.at<T>(0) + c.begin * p_dy + i * ld_dy + own.begin,
                           c.at<T>(1) + c.begin * px + i * ldx + own.begin,
                           c.at<T>(2) + c.begin * p_dx + i * ld_dx + own.begin, own.size(), values);
                });
      return;
    }
    elementwise(l, {l.x(0), l.x(1)}, {}, l.y(), l.y_shape(), 0,
                [=](const Call& c, int64_t offset, int64_t n) {
                  const T values[2] = {a0, a1};
                  kernel(c.at<T>(0) + offset, c.at<T>(1) + offset, c.at<T>(2) + offset, n, values);
                });
  });
}

template <bool kFromOutput>
void gradient(GradientContext& g) {
  // The graph stores no function pointers, so the rule finds its operator by name.
  g.set(0, g.op(g.name() + "_grad", {g.dy(), kFromOutput ? g.y(0) : g.x(0)}, g.attrs()));
}

std::vector<std::string> attr_names(Unary function) {
  if (function == Unary::k_leaky_relu || function == Unary::k_elu) return {"alpha"};
  if (function == Unary::k_clip) return {"low", "high"};
  return {};
}

bool register_all() {
  for (int i = 0; i < static_cast<int>(Unary::kCount); ++i) {
    OpDef def;
    def.name = kUnary[i].name;
    def.attrs = attr_names(static_cast<Unary>(i));
    def.infer = infer;
    def.lower = lower;
    def.gradient = kUnary[i].from_output ? gradient<true> : gradient<false>;
    def.fusable = true;
    def.recomputable = true;
    def.pitched_inputs = 1;
    def.pitched_output = true;
    def.id = i;
    register_op(def);
    def.name += "_grad";
    def.min_inputs = def.max_inputs = 2;
    def.infer = infer_grad;
    def.lower = lower_grad;
    def.gradient = nullptr;
    def.internal = true;
    def.fusable = false;
    def.recomputable = false;
    def.pitched_inputs = 3;
    def.pitched_output = true;
    def.column_inputs = def.own_columns = 3;
    register_op(def);
    def.column_inputs = def.own_columns = 0;
  }
  return true;
}

const bool registered = register_all();

}  // namespace

Epilogue make_epilogue(const OpDef& def, const Attrs& attrs) {
  const auto function = static_cast<Unary>(def.id);
  const double slope = function == Unary::k_leaky_relu ? 0.2 : 1.0;
  if (function == Unary::k_clip)
    return {function, {attrs.number("low", 0), attrs.number("high", 0)}, kNoTensor};
  return {function, {attrs.number("alpha", slope), 0}, kNoTensor};
}

bool find_function_of_result(const std::string& name, Epilogue& function) {
  function = Epilogue{};
  if (name == "linear") return true;
  for (int i = 0; i < static_cast<int>(Unary::kCount); ++i)
    if (name == kUnary[i].name && kUnary[i].from_output) {
      function = make_epilogue(find_op(name), {});
      return true;
    }
  return false;
}

}  // namespace pyframe
