// Operators over the last axis: softmax, log_softmax, argmax, and the per-sample losses.
#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

// Rows of the last axis, cut by the leading dimension.
struct RowShape {
  int64_t lead, per_lead, cols;

  explicit RowShape(const Shape& s) : lead(s.size() > 1 ? s[0] : 1), per_lead(1), cols(s.back()) {
    for (size_t i = 1; i + 1 < s.size(); ++i) per_lead *= s[i];
  }
};

// Adds a step f(call, rows) with all operands cut by the leading dimension of x.
template <typename F>
void lower_rowwise(Lowering& l, const Shape& x, const std::vector<TensorId>& in,
                   const std::vector<TensorId>& out, int in_place_to, F f) {
  const RowShape s(x);
  const bool vector = x.size() == 1;
  std::vector<Operand> operands;
  for (TensorId id : in) operands.push_back(vector ? read_whole(id) : read(id));
  for (TensorId id : out) operands.push_back(vector ? write_whole(id) : write(id));
  const int64_t per_lead = s.per_lead;
  const auto body = [=](const Call& c) { f(c, vector ? 1 : c.count() * per_lead); };
  const int64_t work = element_count(x);
  Step& step = vector ? l.tasks(l.def().name.c_str(), 1, std::move(operands), work, body)
                      : l.rows(l.def().name.c_str(), s.lead, std::move(operands), work, body);
  step.in_place_from = in_place_to < 0 ? -1 : 0;
  step.in_place_to = in_place_to;
}

void require_columns(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  c.require(c.rank(0) >= 1 && c.shape(0).back() >= 1,
            "needs at least one element in the last axis.");
}

Shape without_last(const Shape& shape) { return Shape(shape.begin(), shape.end() - 1); }

// -- softmax, log_softmax

std::vector<TensorSpec> infer_softmax(const OpContext& c) {
  require_columns(c);
  return {c.inputs[0]};
}

void lower_softmax(Lowering& l) {
  const bool log = l.def().id == 1;
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = log ? kernels<T>().log_softmax : kernels<T>().softmax;
    lower_rowwise(l, x, {l.x(0)}, {l.y()}, 1,
                  [=](const Call& c, int64_t rows) { kernel(c.at<T>(0), c.at<T>(1), rows, cols); });
  });
}

void gradient_softmax(GradientContext& g) { g.set(0, g.op(g.name() + "_grad", {g.dy(), g.y(0)})); }

std::vector<TensorSpec> infer_first(const OpContext& c) { return {c.inputs[0]}; }

void lower_softmax_grad(Lowering& l) {
  const bool log = l.def().id == 1;
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = log ? kernels<T>().log_softmax_grad : kernels<T>().softmax_grad;
    lower_rowwise(l, x, {l.x(0), l.x(1)}, {l.y()}, 2, [=](const Call& c, int64_t rows) {
      kernel(c.at<T>(0), c.at<T>(1), c.at<T>(2), rows, cols);
    });
  });
}

// -- argmax

std::vector<TensorSpec> infer_argmax(const OpContext& c) {
  require_columns(c);
  return {{without_last(c.shape(0)), DType::kI32}};
}

void lower_argmax(Lowering& l) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  dispatch_float(l.x_dtype(0), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels<T>().argmax;
    lower_rowwise(l, x, {l.x(0)}, {l.y()}, -1, [=](const Call& c, int64_t rows) {
      kernel(c.at<T>(0), c.at<int32_t>(1), rows, cols);
    });
  });
}

// -- softmax with crossentropy: outputs the loss and the probabilities, which the gradient needs

std::vector<TensorSpec> infer_xent(const OpContext& c) {
  require_columns(c);
  c.require(c.inputs[1].dtype == c.inputs[0].dtype && c.shape(0) == c.shape(1),
            "logits and targets must have the same shape and dtype.");
  return {{without_last(c.shape(0)), c.inputs[0].dtype}, c.inputs[0]};
}

std::vector<TensorSpec> infer_sparse_xent(const OpContext& c) {
  require_columns(c);
  c.require(c.inputs[1].dtype == DType::kI32 && without_last(c.shape(0)) == c.shape(1),
            "needs one int32 class id for every row of logits.");
  return {{without_last(c.shape(0)), c.inputs[0].dtype}, c.inputs[0]};
}

template <typename Target, typename T, typename Kernel>
void lower_xent_of(Lowering& l, Kernel kernel) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  lower_rowwise(l, x, {l.x(0), l.x(1)}, {l.y(0), l.y(1)}, 3, [=](const Call& c, int64_t rows) {
    kernel(c.at<T>(0), c.at<Target>(1), c.at<T>(2), c.at<T>(3), rows, cols);
  });
}

void lower_xent(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (l.def().id == 1)
      lower_xent_of<int32_t, T>(l, kernels<T>().sparse_softmax_xent);
    else
      lower_xent_of<T, T>(l, kernels<T>().softmax_xent);
  });
}

void gradient_xent(GradientContext& g) {
  TensorId dx = kNoTensor;
  if (g.dy(0) != kNoTensor) dx = g.op(g.name() + "_grad", {g.y(1), g.x(1), g.dy(0)});
  if (g.dy(1) != kNoTensor) {  // through the probabilities
    const TensorId more = g.op("softmax_grad", {g.dy(1), g.y(1)});
    dx = dx == kNoTensor ? more : g.op("add", {dx, more});
  }
  g.set(0, dx);
}

template <typename Target, typename T, typename Kernel>
void lower_xent_grad_of(Lowering& l, Kernel kernel) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  lower_rowwise(l, x, {l.x(0), l.x(1), l.x(2)}, {l.y()}, 3, [=](const Call& c, int64_t rows) {
    kernel(c.at<T>(0), c.at<Target>(1), c.at<T>(2), c.at<T>(3), rows, cols);
  });
}

void lower_xent_grad(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (l.def().id == 1)
      lower_xent_grad_of<int32_t, T>(l, kernels<T>().sparse_softmax_xent_grad);
    else
      lower_xent_grad_of<T, T>(l, kernels<T>().softmax_xent_grad);
  });
}

// -- losses that average over the last axis

std::vector<TensorSpec> infer_mean_loss(const OpContext& c) {
  require_columns(c);
  c.require(c.inputs[1].dtype == c.inputs[0].dtype && c.shape(0) == c.shape(1),
            "predictions and targets must have the same shape and dtype.");
  return {{without_last(c.shape(0)), c.inputs[0].dtype}};
}

void lower_mean_loss(Lowering& l) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = l.def().id == 0 ? kernels<T>().squared_error : kernels<T>().absolute_error;
    lower_rowwise(l, x, {l.x(0), l.x(1)}, {l.y()}, -1, [=](const Call& c, int64_t rows) {
      kernel(c.at<T>(0), c.at<T>(1), c.at<T>(2), rows, cols);
    });
  });
}

void gradient_mean_loss(GradientContext& g) {
  if (g.needs(0)) g.set(0, g.op(g.name() + "_grad", {g.x(0), g.x(1), g.dy()}));
}

void lower_mean_loss_grad(Lowering& l) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel =
        l.def().id == 0 ? kernels<T>().squared_error_grad : kernels<T>().absolute_error_grad;
    lower_rowwise(l, x, {l.x(0), l.x(1), l.x(2)}, {l.y()}, 3, [=](const Call& c, int64_t rows) {
      kernel(c.at<T>(0), c.at<T>(1), c.at<T>(2), c.at<T>(3), rows, cols);
    });
  });
}

// The second result is the derivative by x, which shares its exponential with the loss.
std::vector<TensorSpec> infer_sigmoid_xent(const OpContext& c) {
  return {infer_mean_loss(c)[0], c.inputs[0]};
}

void lower_sigmoid_xent(Lowering& l) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  const bool slope = l.is_read(l.y(1));
  std::vector<TensorId> results = {l.y(0)};
  if (slope) results.push_back(l.y(1));
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels<T>().sigmoid_xent;
    lower_rowwise(
        l, x, {l.x(0), l.x(1)}, results, slope ? 3 : -1, [=](const Call& c, int64_t rows) {
          kernel(c.at<T>(0), c.at<T>(1), c.at<T>(2), slope ? c.at<T>(3) : nullptr, rows, cols);
        });
  });
}

void gradient_sigmoid_xent(GradientContext& g) {
  TensorId dx = kNoTensor;
  if (g.dy(0) != kNoTensor) dx = g.op("sigmoid_crossentropy_grad", {g.y(1), g.dy(0)});
  if (g.dy(1) != kNoTensor) {  // through the slope
    const TensorId more = g.op("sigmoid_grad", {g.dy(1), g.op("sigmoid", {g.x(0)})});
    dx = dx == kNoTensor ? more : g.op("add", {dx, more});
  }
  g.set(0, dx);
}

void lower_sigmoid_xent_grad(Lowering& l) {
  const Shape x = l.x_shape(0);
  const int64_t cols = x.back();
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels<T>().sigmoid_xent_grad;
    lower_rowwise(l, x, {l.x(0), l.x(1)}, {l.y()}, 2, [=](const Call& c, int64_t rows) {
      kernel(c.at<T>(0), c.at<T>(1), c.at<T>(2), rows, cols);
    });
  });
}

void add(const std::string& name, int id, int inputs,
         std::vector<TensorSpec> (*infer)(const OpContext&), void (*lower)(Lowering&),
         void (*gradient)(GradientContext&)) {
  OpDef def;
  def.name = name;
  def.id = id;
  def.min_inputs = def.max_inputs = inputs;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.flat = name == "argmax";
  def.internal = gradient == nullptr && !def.flat;
  def.work = [](const OpContext& c) { return 8 * element_count(c.shape(0)); };
  register_op(def);
}

bool register_all() {
  const char* softmax[] = {"softmax", "log_softmax"};
  for (int i = 0; i < 2; ++i) {
    add(softmax[i], i, 1, infer_softmax, lower_softmax, gradient_softmax);
    add(std::string(softmax[i]) + "_grad", i, 2, infer_first, lower_softmax_grad, nullptr);
  }
  add("argmax", 0, 1, infer_argmax, lower_argmax, nullptr);
  const char* xent[] = {"softmax_crossentropy", "sparse_softmax_crossentropy"};
  for (int i = 0; i < 2; ++i) {
    add(xent[i], i, 2, i == 0 ? infer_xent : infer_sparse_xent, lower_xent, gradient_xent);
    add(std::string(xent[i]) + "_grad", i, 3, infer_first, lower_xent_grad, nullptr);
  }
  add("sigmoid_crossentropy", 0, 2, infer_sigmoid_xent, lower_sigmoid_xent, gradient_sigmoid_xent);
  add("sigmoid_crossentropy_grad", 0, 2, infer_first, lower_sigmoid_xent_grad, nullptr);
  const char* mean[] = {"mean_squared_error", "mean_absolute_error"};
  for (int i = 0; i < 2; ++i) {
    add(mean[i], i, 2, infer_mean_loss, lower_mean_loss, gradient_mean_loss);
    add(std::string(mean[i]) + "_grad", i, 3, infer_first, lower_mean_loss_grad, nullptr);
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
