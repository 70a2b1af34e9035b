// Elementwise functions of two tensors with NumPy broadcasting, comparisons, and the sums that
// undo a broadcast in gradients.
#include <algorithm>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"
#include "ops/broadcast.h"
#include "ops/elementwise.h"

namespace pyframe {
namespace {

#define PF_NAME(name) #name,
constexpr const char* kBinary[] = {PF_BINARY_LIST(PF_NAME)};
#undef PF_NAME

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype == c.inputs[1].dtype,
            "operands have different dtypes: ", dtype_name(c.inputs[0].dtype), " and ",
            dtype_name(c.inputs[1].dtype), ".");
  Shape shape;
  c.require(broadcast_shapes(c.shape(0), c.shape(1), &shape), "shapes do not broadcast together.");
  return {{shape, c.inputs[0].dtype}};
}

// Adds the step y = f(a, b), f(a, b, y, n, a_inc, b_inc) being a flat kernel.
template <typename A, typename Y, typename F>
void lower_broadcast(Lowering& l, TensorId a, const Shape& sa, TensorId b, const Shape& sb,
                     TensorId y, const Shape& sy, int64_t in_place_a, F f) {
  const bool a_full = sa == sy, b_full = sb == sy;
  const bool a_scalar = element_count(sa) == 1, b_scalar = element_count(sb) == 1;
  const bool in_place = in_place_a && a_full;
  if (a_full && b_full) {
    elementwise(l, {a, b}, {}, y, sy, in_place ? 0 : -1, [=](const Call& c, int64_t at, int64_t n) {
      f(c.at<A>(0) + at, c.at<A>(1) + at, c.at<Y>(2) + at, n, 1, 1);
    });
  } else if (a_full && b_scalar) {
    elementwise(l, {a}, {b}, y, sy, in_place ? 0 : -1, [=](const Call& c, int64_t at, int64_t n) {
      f(c.at<A>(0) + at, c.at<A>(1), c.at<Y>(2) + at, n, 1, 0);
    });
  } else if (b_full && a_scalar) {
    elementwise(l, {b}, {a}, y, sy, -1, [=](const Call& c, int64_t at, int64_t n) {
      f(c.at<A>(1), c.at<A>(0) + at, c.at<Y>(2) + at, n, 0, 1);
    });
  } else {
    // Row by row; an operand without the leading dimension is seen whole by every row.
    const bool a_rows = sa.size() == sy.size() && sa[0] == sy[0] && sy[0] != 1;
    const bool b_rows = sb.size() == sy.size() && sb[0] == sy[0] && sy[0] != 1;
    const StridedLoop loop(sy, sa, sb, 1);
    const int64_t row = row_size(sy);
    const int64_t a_row = a_rows ? row_size(sa) : 0, b_row = b_rows ? row_size(sb) : 0;
    l.rows(l.def().name.c_str(), sy[0],
           {a_rows ? read(a) : read_whole(a), b_rows ? read(b) : read_whole(b), write(y)},
           element_count(sy), [=](const Call& c) {
             for (int64_t r = 0; r < c.count(); ++r) {
               const A* pa = c.at<A>(0) + r * a_row;
               const A* pb = c.at<A>(1) + r * b_row;
               Y* py = c.at<Y>(2) + r * row;
               loop.each([&](int64_t oa, int64_t ob, int64_t oy) {
                 f(pa + oa, pb + ob, py + oy, loop.run, loop.a_inc, loop.b_inc);
               });
             }
           });
  }
}

void lower(Lowering& l) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto kernel = kernels<T>().binary[l.def().id];
    const auto lower_as = [&](auto f) {
      lower_broadcast<T, T>(l, l.x(0), l.x_shape(0), l.x(1), l.x_shape(1), l.y(), l.y_shape(), true,
                            f);
    };
    if (l.epilogue() == nullptr) return lower_as(kernel);
    const auto function = kernels<T>().unary[static_cast<int>(l.epilogue()->function)];
    const T a0 = static_cast<T>(l.epilogue()->attrs[0]);
    const T a1 = static_cast<T>(l.epilogue()->attrs[1]);
    lower_as([=](const T* a, const T* b, T* y, int64_t n, int64_t a_inc, int64_t b_inc) {
      constexpr int64_t kBlock = 2048;  // still in the L1 cache for the second function
      const T attrs[2] = {a0, a1};
      for (int64_t i = 0; i < n; i += kBlock) {
        const int64_t size = std::min(kBlock, n - i);
        kernel(a + i * a_inc, b + i * b_inc, y + i, size, a_inc, b_inc);
        function(y + i, y + i, size, attrs);
      }
    });
  });
}

// -- comparisons

enum Comparison { kEqual, kGreater, kGreaterEqual };

template <typename A, typename Y>
void compare(Comparison how, const A* a, const A* b, Y* y, int64_t n, int64_t ai, int64_t bi) {
  for (int64_t i = 0; i < n; ++i) {
    const A u = a[i * ai], v = b[i * bi];
    y[i] = how == kEqual ? u == v : how == kGreater ? u > v : u >= v;
  }
}

std::vector<TensorSpec> infer_compare(const OpContext& c) {
  std::vector<TensorSpec> result = infer(c);
  const DType own = c.inputs[0].dtype;
  const std::string fallback = own == DType::kI32 ? "float32" : dtype_name(own);
  result[0].dtype = parse_dtype(c.attrs.text("dtype", fallback));
  return result;
}

void lower_compare(Lowering& l) {
  const auto how = static_cast<Comparison>(l.def().id);
  dispatch_any(l.x_dtype(0), [&](auto in) {
    dispatch_any(l.dtype(), [&](auto out) {
      using A = typename decltype(in)::type;
      using Y = typename decltype(out)::type;
      lower_broadcast<A, Y>(l, l.x(0), l.x_shape(0), l.x(1), l.x_shape(1), l.y(), l.y_shape(),
                            false,
                            [=](const A* a, const A* b, Y* y, int64_t n, int64_t ai, int64_t bi) {
                              compare(how, a, b, y, n, ai, bi);
                            });
    });
  });
}

// -- gradients

TensorId undo_broadcast(GradientContext& g, TensorId dx, size_t i) {
  if (g.spec(dx).shape == g.spec(g.x(i)).shape) {
    bool known = true;
    for (int64_t dim : g.spec(dx).shape) known = known && dim != kUnknown;
    if (known) return dx;
  }
  return g.op("sum_to_like", {dx, g.x(i)});
}

void set_gradient(GradientContext& g, size_t i, TensorId dx) { g.set(i, undo_broadcast(g, dx, i)); }

void gradient_add(GradientContext& g) {
  for (size_t i : {0, 1})
    if (g.needs(i)) set_gradient(g, i, g.dy());
}

void gradient_subtract(GradientContext& g) {
  if (g.needs(0)) set_gradient(g, 0, g.dy());
  if (g.needs(1)) set_gradient(g, 1, g.op("negative", {g.dy()}));
}

void gradient_multiply(GradientContext& g) {
  for (size_t i : {0, 1})
    if (g.needs(i)) set_gradient(g, i, g.op("multiply", {g.dy(), g.x(1 - i)}));
}

void gradient_divide(GradientContext& g) {
  const TensorId da = g.op("divide", {g.dy(), g.x(1)});
  if (g.needs(0)) set_gradient(g, 0, da);
  if (g.needs(1)) set_gradient(g, 1, g.op("negative", {g.op("multiply", {da, g.y(0)})}));
}

// Ties go to the first operand.
void gradient_extremum(GradientContext& g) {
  const bool maximum = g.name() == "maximum";
  const TensorId first = g.op("greater_equal", {g.x(maximum ? 0 : 1), g.x(maximum ? 1 : 0)});
  const TensorId da = g.op("multiply", {g.dy(), first});
  if (g.needs(0)) set_gradient(g, 0, da);
  if (g.needs(1)) set_gradient(g, 1, g.op("subtract", {g.dy(), da}));
}

bool register_all() {
  void (*const gradients[])(GradientContext&) = {gradient_add,      gradient_subtract,
                                                 gradient_multiply, gradient_divide,
                                                 gradient_extremum, gradient_extremum};
  for (int i = 0; i < static_cast<int>(Binary::kCount); ++i) {
    OpDef def;
    def.name = kBinary[i];
    def.min_inputs = def.max_inputs = 2;
    def.infer = infer;
    def.lower = lower;
    def.gradient = gradients[i];
    def.takes_epilogue = true;
    def.is_sum = i == static_cast<int>(Binary::k_add);
    def.recomputable = true;
    def.pitched_inputs = 3;
    def.pitched_output = true;
    def.can_pitch = [](const OpContext& c) { return c.shape(0) == c.shape(1); };
    def.id = i;
    register_op(def);
  }
  const char* names[] = {"equal", "greater", "greater_equal"};
  for (int i = 0; i < 3; ++i) {
    OpDef def;
    def.name = names[i];
    def.min_inputs = def.max_inputs = 2;
    def.attrs = {"dtype"};
    def.infer = infer_compare;
    def.lower = lower_compare;
    def.flat = true;
    def.id = i;
    register_op(def);
  }
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
