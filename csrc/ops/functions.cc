// Elementwise functions that no layer's inner loop needs (schedules, losses, metrics): plain
// loops over the C++ library's functions instead of vector kernels.
#include <cmath>
#include <string>

#include "common/dispatch_dtype.h"
#include "ops/elementwise.h"

namespace pyframe {
namespace {

// -- functions of one tensor

enum Function { kFloor, kCeil, kRound, kSin, kCos, kLog1p, kExpm1, kFunctions };
constexpr const char* kNames[] = {"floor", "ceil", "round", "sin", "cos", "log1p", "expm1"};

template <typename T>
T evaluate(Function f, T x) {
  switch (f) {
    case kFloor:
      return std::floor(x);
    case kCeil:
      return std::ceil(x);
    case kRound:
      return std::nearbyint(x);  // halves to even, as NumPy and Keras
    case kSin:
      return std::sin(x);
    case kCos:
      return std::cos(x);
    case kLog1p:
      return std::log1p(x);
    default:
      return std::expm1(x);
  }
}

std::vector<TensorSpec> infer_function(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  return {c.inputs[0]};
}

void lower_function(Lowering& l) {
  const auto f = static_cast<Function>(l.def().id);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    elementwise(l, {l.x(0)}, {}, l.y(), l.y_shape(), 0,
                [=](const Call& c, int64_t offset, int64_t n) {
                  const T* x = c.at<T>(0) + offset;
                  T* y = c.at<T>(1) + offset;
                  for (int64_t i = 0; i < n; ++i) y[i] = evaluate(f, x[i]);
                });
  });
}

void gradient_function(GradientContext& g) {
  const TensorId one = g.scalar_like(g.x(0), 1.0);
  if (g.name() == "sin") return g.set(0, g.op("multiply", {g.dy(), g.op("cos", {g.x(0)})}));
  if (g.name() == "cos")
    return g.set(0, g.op("negative", {g.op("multiply", {g.dy(), g.op("sin", {g.x(0)})})}));
  if (g.name() == "log1p") return g.set(0, g.op("divide", {g.dy(), g.op("add", {g.x(0), one})}));
  if (g.name() == "expm1") return g.set(0, g.op("multiply", {g.dy(), g.op("add", {g.y(0), one})}));
}

// -- power

std::vector<TensorSpec> infer_power(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32 && c.inputs[0].dtype == c.inputs[1].dtype,
            "needs two float tensors of one dtype.");
  const bool fits = c.shape(0) == c.shape(1) || element_count(c.shape(1)) == 1;
  c.require(fits && c.rank(1) <= c.rank(0),
            "the exponent must be a scalar or have the shape of the base.");
  return {c.inputs[0]};
}

void lower_power(Lowering& l) {
  const bool scalar = l.x_shape(1) != l.x_shape(0);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto body = [=](const Call& c, int64_t offset, int64_t n) {
      const T* a = c.at<T>(0) + offset;
      const T* b = c.at<T>(1) + (scalar ? 0 : offset);
      T* y = c.at<T>(2) + offset;
      for (int64_t i = 0; i < n; ++i) y[i] = std::pow(a[i], b[scalar ? 0 : i]);
    };
    if (scalar)
      elementwise(l, {l.x(0)}, {l.x(1)}, l.y(), l.y_shape(), 0, body);
    else
      elementwise(l, {l.x(0), l.x(1)}, {}, l.y(), l.y_shape(), 0, body);
  });
}

void gradient_power(GradientContext& g) {
  const TensorId a = g.x(0), b = g.x(1);
  if (g.needs(0)) {
    const TensorId less = g.op("subtract", {b, g.scalar_like(b, 1.0)});
    g.set(0, g.op("multiply", {g.dy(), g.op("multiply", {g.op("power", {a, less}), b})}));
  }
  if (g.needs(1)) {
    // At base 0 the slope is taken as 0 rather than 0 * log 0.
    const TensorId zero = g.scalar_like(a, 0.0);
    const TensorId positive = g.op("greater", {a, zero});
    const TensorId log = g.op("select", {positive, g.op("log", {a}), zero});
    const TensorId db = g.op("multiply", {g.dy(), g.op("multiply", {g.y(0), log})});
    g.set(1, g.op("sum_to_like", {db, b}));
  }
}

// -- select: where(condition, a, b)

std::vector<TensorSpec> infer_select(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float condition (1 or 0).");
  c.require(c.inputs[1].dtype == c.inputs[2].dtype && c.inputs[1].dtype == c.inputs[0].dtype,
            "operands have different dtypes.");
  for (size_t i : {1, 2})
    c.require(
        c.shape(i) == c.shape(0) || (element_count(c.shape(i)) == 1 && c.rank(i) <= c.rank(0)),
        "values must be scalars or have the shape of the condition.");
  return {{c.shape(0), c.inputs[1].dtype}};
}

void lower_select(Lowering& l) {
  const bool a_one = l.x_shape(1) != l.x_shape(0), b_one = l.x_shape(2) != l.x_shape(0);
  std::vector<TensorId> full = {l.x(0)}, whole;
  int at[3] = {0, 0, 0};
  for (int i : {1, 2}) {
    if (i == 1 ? a_one : b_one) continue;
    at[i] = static_cast<int>(full.size());
    full.push_back(l.x(static_cast<size_t>(i)));
  }
  for (int i : {1, 2}) {
    if (!(i == 1 ? a_one : b_one)) continue;
    at[i] = static_cast<int>(full.size() + whole.size());
    whole.push_back(l.x(static_cast<size_t>(i)));
  }
  const int a_at = at[1], b_at = at[2];
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    elementwise(l, full, whole, l.y(), l.y_shape(), 0,
                [=](const Call& c, int64_t offset, int64_t n) {
                  const T* condition = c.at<T>(0) + offset;
                  const T* a = c.at<T>(a_at) + (a_one ? 0 : offset);
                  const T* b = c.at<T>(b_at) + (b_one ? 0 : offset);
                  T* y = c.at<T>(3) + offset;
                  for (int64_t i = 0; i < n; ++i)
                    y[i] = condition[i] != T(0) ? a[a_one ? 0 : i] : b[b_one ? 0 : i];
                });
  });
}

void gradient_select(GradientContext& g) {
  const TensorId zero = g.scalar_like(g.dy(), 0.0);
  if (g.needs(1)) {
    const TensorId da = g.op("select", {g.x(0), g.dy(), zero});
    g.set(1, g.op("sum_to_like", {da, g.x(1)}));
  }
  if (g.needs(2)) {
    const TensorId db = g.op("select", {g.x(0), zero, g.dy()});
    g.set(2, g.op("sum_to_like", {db, g.x(2)}));
  }
}

// -- one_hot: ids (...) -> (..., depth); an id outside [0, depth) gives a row of zeros

std::vector<TensorSpec> infer_one_hot(const OpContext& c) {
  const int64_t depth = c.attrs.integer("depth", 0);
  c.require(c.inputs[0].dtype == DType::kI32, "needs int32 ids.");
  c.require(depth >= 1, "depth must be a positive integer.");
  TensorSpec out{c.shape(0), parse_dtype(c.attrs.text("dtype", "float32"))};
  out.shape.push_back(depth);
  return {out};
}

void lower_one_hot(Lowering& l) {
  const int64_t depth = l.attrs().integer("depth", 0);
  const Shape ids = l.x_shape(0);
  dispatch_any(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto body = [=](const Call& c, int64_t n) {
      const int32_t* id = c.at<int32_t>(0);
      T* y = c.at<T>(1);
      for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < depth; ++j) y[i * depth + j] = static_cast<T>(id[i] == j);
    };
    if (ids.empty()) {
      l.tasks("one_hot", 1, {read_whole(l.x(0)), write_whole(l.y())}, depth,
              [=](const Call& c) { body(c, 1); });
      return;
    }
    const int64_t row = row_size(ids);
    l.rows("one_hot", ids[0], {read(l.x(0)), write(l.y())}, element_count(ids) * depth,
           [=](const Call& c) { body(c, c.count() * row); });
  });
}

// -- in_top_k: predictions (..., C), ids (...) -> 1.0 where fewer than k classes score higher than
// the id's, else 0.0; not finite or out of range counts as a miss (TensorFlow's rule)

std::vector<TensorSpec> infer_in_top_k(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32 && c.rank(0) >= 2,
            "needs float predictions (..., classes).");
  c.require(c.inputs[1].dtype == DType::kI32 &&
                Shape(c.shape(0).begin(), c.shape(0).end() - 1) == c.shape(1),
            "needs one int32 class id for every row of predictions.");
  c.require(c.attrs.integer("k", 1) >= 1, "k must be a positive integer.");
  return {{c.shape(1), c.inputs[0].dtype}};
}

template <typename T>
bool in_top_k(const T* row, int64_t classes, int32_t id, int64_t k) {
  if (id < 0 || id >= classes || !std::isfinite(row[id])) return false;
  int64_t higher = 0;
  for (int64_t j = 0; j < classes; ++j) {
    if (!std::isfinite(row[j])) return false;
    higher += row[j] > row[id];
  }
  return higher < k;
}

void lower_in_top_k(Lowering& l) {
  const Shape x = l.x_shape(0);
  const int64_t classes = x.back(), k = l.attrs().integer("k", 1);
  const int64_t per_row = row_size(l.y_shape());
  dispatch_float(l.x_dtype(0), [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.rows("in_top_k", x[0], {read(l.x(0)), read(l.x(1)), write(l.y())}, element_count(x),
           [=](const Call& c) {
             for (int64_t i = 0; i < c.count() * per_row; ++i)
               c.at<T>(2)[i] = static_cast<T>(
                   in_top_k(c.at<T>(0) + i * classes, classes, c.at<int32_t>(1)[i], k));
           });
  });
}

void add(const char* name, int inputs, std::vector<std::string> attrs,
         std::vector<TensorSpec> (*infer)(const OpContext&), void (*lower)(Lowering&),
         void (*gradient)(GradientContext&), int id = 0) {
  OpDef def;
  def.name = name;
  def.id = id;
  def.min_inputs = def.max_inputs = inputs;
  def.attrs = std::move(attrs);
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.flat = gradient == nullptr;
  register_op(def);
}

bool register_all() {
  for (int f = 0; f < kFunctions; ++f)
    add(kNames[f], 1, {}, infer_function, lower_function, f < kSin ? nullptr : gradient_function,
        f);
  add("power", 2, {}, infer_power, lower_power, gradient_power);
  add("select", 3, {}, infer_select, lower_select, gradient_select);
  add("one_hot", 1, {"depth", "dtype"}, infer_one_hot, lower_one_hot, nullptr);
  add("in_top_k", 2, {"k"}, infer_in_top_k, lower_in_top_k, nullptr);
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
