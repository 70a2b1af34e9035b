// Operators that move or rename elements without computing: reshape, transpose, cast ...
#include <algorithm>

#include "common/dispatch_dtype.h"
#include "common/stand_in.h"
#include "ir/lowering.h"
#include "ops/broadcast.h"
#include "ops/elementwise.h"

namespace pyframe {
namespace {

void lower_alias(Lowering& l) { l.alias(l.y(), l.x(0)); }

// -- reshape, flatten, expand_dims, reshape_like

std::vector<TensorSpec> infer_reshape(const OpContext& c) {
  Shape shape = c.attrs.ints("shape", {});
  const int64_t size = element_count(c.shape(0));
  int64_t known = 1;
  int wild = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == -1) {
      c.require(wild < 0, "only one dimension of shape may be -1.");
      wild = static_cast<int>(i);
    } else {
      c.require(shape[i] >= 0, "dimensions must be positive or -1.");
      known *= shape[i];
    }
  }
  if (wild >= 0) {
    c.require(known > 0 && size % known == 0, "the elements do not fit the new shape.");
    shape[static_cast<size_t>(wild)] = size / known;
  } else {
    c.require(known == size, "the new shape has another number of elements (", known, ").");
  }
  return {{shape, c.inputs[0].dtype}};
}

std::vector<TensorSpec> infer_flatten(const OpContext& c) {
  c.require(c.rank(0) >= 1, "needs a batch dimension.");
  return {{{c.shape(0)[0], row_size(c.shape(0))}, c.inputs[0].dtype}};
}

// expand_dims and squeeze of one axis: reshapes that work with any number of unknown dimensions.
std::vector<TensorSpec> infer_axis(const OpContext& c) {
  const bool expand = c.def.name == "expand_dims";
  const int64_t rank = c.rank(0) + (expand ? 1 : 0);
  int64_t axis = c.attrs.integer("axis", -1);
  c.require(axis >= -rank && axis < rank, "axis ", axis, " is out of range.");
  if (axis < 0) axis += rank;
  TensorSpec out = c.inputs[0];
  const auto at = out.shape.begin() + axis;
  if (expand) {
    out.shape.insert(at, 1);
  } else {
    c.require(*at == 1, "only an axis of size 1 can be dropped.");
    out.shape.erase(at);
  }
  return {out};
}

std::vector<TensorSpec> infer_reshape_like(const OpContext& c) {
  return {{c.shape(1), c.inputs[0].dtype}};
}

// merge_rows: the first two axes as one. split_rows: back to those of another tensor; with unknown
// dimensions it cannot tell whether the number of rows fits.
std::vector<TensorSpec> infer_merge_rows(const OpContext& c) {
  c.require(c.rank(0) >= 2, "needs at least two axes.");
  TensorSpec out = c.inputs[0];
  out.shape.erase(out.shape.begin());
  out.shape[0] = is_unknown(c.shape(0)[0]) ? c.shape(0)[0] : c.shape(0)[0] * c.shape(0)[1];
  return {out};
}

std::vector<TensorSpec> infer_split_rows(const OpContext& c) {
  c.require(c.rank(0) >= 1 && c.rank(1) >= 2, "needs rows and a tensor of at least two axes.");
  const int64_t lead = c.shape(1)[0], rows = c.shape(0)[0];
  c.require(is_unknown(lead) || is_unknown(rows) || rows == lead * c.shape(1)[1],
            "the rows do not fit the first two axes of the other tensor.");
  TensorSpec out = c.inputs[0];
  out.shape[0] = c.shape(1)[1];
  out.shape.insert(out.shape.begin(), lead);
  return {out};
}

void gradient_reshape(GradientContext& g) { g.set(0, g.op("reshape_like", {g.dy(), g.x(0)})); }

// -- identity: stop_gradient

std::vector<TensorSpec> infer_same(const OpContext& c) { return {c.inputs[0]}; }

// -- cast

std::vector<TensorSpec> infer_cast(const OpContext& c) {
  return {{c.shape(0), parse_dtype(c.attrs.text("dtype", "float32"))}};
}

void lower_cast(Lowering& l) {
  if (l.x_dtype(0) == l.dtype()) return l.alias(l.y(), l.x(0));
  dispatch_any(l.x_dtype(0), [&](auto in) {
    dispatch_any(l.dtype(), [&](auto out) {
      using A = typename decltype(in)::type;
      using Y = typename decltype(out)::type;
      elementwise(l, {l.x(0)}, {}, l.y(), l.y_shape(), -1,
                  [](const Call& c, int64_t offset, int64_t n) {
                    const A* from = c.at<A>(0) + offset;
                    Y* to = c.at<Y>(1) + offset;
                    for (int64_t i = 0; i < n; ++i) to[i] = static_cast<Y>(from[i]);
                  });
    });
  });
}

void gradient_cast(GradientContext& g) {
  const DType dtype = g.spec(g.x(0)).dtype;
  if (dtype == DType::kI32) return;
  g.set(0, g.op("cast", {g.dy()}, {{"dtype", std::string(dtype_name(dtype))}}));
}

// -- transpose

Ints permutation(const OpContext& c) {
  const int64_t rank = c.rank(0);
  Ints axes = c.attrs.ints("axes", {});
  if (axes.empty())
    for (int64_t i = rank - 1; i >= 0; --i) axes.push_back(i);
  c.require(static_cast<int64_t>(axes.size()) == rank, "axes must name every dimension once.");
  std::vector<bool> seen(axes.size(), false);
  for (int64_t& axis : axes) {
    if (axis < 0) axis += rank;
    c.require(axis >= 0 && axis < rank && !seen[static_cast<size_t>(axis)],
              "axes must name every dimension once.");
    seen[static_cast<size_t>(axis)] = true;
  }
  return axes;
}

std::vector<TensorSpec> infer_transpose(const OpContext& c) {
  TensorSpec out{{}, c.inputs[0].dtype};
  for (int64_t axis : permutation(c)) out.shape.push_back(c.shape(0)[static_cast<size_t>(axis)]);
  return {out};
}

// Copies one slice of the result; dims lists (extent, source stride) from outer to inner.
template <typename T>
void permute(const std::vector<std::pair<int64_t, int64_t>>& dims, size_t at, const T* from,
             T*& to) {
  if (at == dims.size()) {
    *to++ = *from;
    return;
  }
  const auto [extent, stride] = dims[at];
  if (at + 1 == dims.size()) {
    for (int64_t i = 0; i < extent; ++i) to[i] = from[i * stride];
    to += extent;
    return;
  }
  for (int64_t i = 0; i < extent; ++i) permute(dims, at + 1, from + i * stride, to);
}

void lower_transpose(Lowering& l) {
  const std::vector<TensorSpec> specs = {{l.x_shape(0), l.x_dtype(0)}};
  const Ints axes = permutation({l.def(), l.attrs(), specs});
  const Shape& in = l.x_shape(0);
  if (std::is_sorted(axes.begin(), axes.end())) return l.alias(l.y(), l.x(0));
  std::vector<int64_t> stride(in.size(), 1);
  for (size_t i = in.size() - 1; i > 0; --i) stride[i - 1] = stride[i] * in[i];
  std::vector<std::pair<int64_t, int64_t>> dims;  // of the result
  for (int64_t axis : axes)
    dims.emplace_back(in[static_cast<size_t>(axis)], stride[static_cast<size_t>(axis)]);
  const int64_t rows = dims[0].first, row_stride = dims[0].second;
  dims.erase(dims.begin());
  const int64_t row = row_size(l.y_shape()), size = element_count(in);
  const bool sliced = axes[0] == 0;
  dispatch_any(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    l.rows("transpose", rows, {sliced ? read(l.x(0)) : read_whole(l.x(0)), write(l.y())}, size,
           [=](const Call& c) {
             T* to = c.at<T>(1);
             const T* from = c.at<T>(0) + (sliced ? 0 : c.begin * row_stride);
             for (int64_t r = 0; r < c.count() && row > 0; ++r)
               permute(dims, 0, from + r * row_stride, to);
           });
  });
}

void gradient_transpose(GradientContext& g) {
  const std::vector<TensorSpec> specs = {g.spec(g.x(0))};
  const OpDef& def = find_op("transpose");
  const Ints axes = permutation({def, g.attrs(), specs});
  Ints inverse(axes.size());
  for (size_t i = 0; i < axes.size(); ++i)
    inverse[static_cast<size_t>(axes[i])] = static_cast<int64_t>(i);
  g.set(0, g.op("transpose", {g.dy()}, {{"axes", inverse}}));
}

// -- broadcast_to

std::vector<TensorSpec> infer_broadcast_to(const OpContext& c) {
  const Shape target = c.attrs.ints("shape", {});
  for (int64_t dim : target) c.require(dim >= 0, "dimensions must not be negative.");
  Shape shape;
  c.require(broadcast_shapes(c.shape(0), target, &shape) && shape == target,
            "the input does not broadcast to the shape.");
  return {{target, c.inputs[0].dtype}};
}

std::vector<TensorSpec> infer_broadcast_like(const OpContext& c) {
  Shape shape;
  c.require(broadcast_shapes(c.shape(0), c.shape(1), &shape) && shape == c.shape(1),
            "the first input does not broadcast to the shape of the second.");
  return {{shape, c.inputs[0].dtype}};
}

void lower_broadcast_to(Lowering& l) {
  const Shape out = l.y_shape();
  const Shape in = l.x_shape(0);
  if (in == out) return l.alias(l.y(), l.x(0));
  dispatch_any(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const StridedLoop loop(out, in, {}, 1);
    const bool sliced = in.size() == out.size() && in[0] == out[0] && out[0] != 1;
    const int64_t row = row_size(out), in_row = sliced ? row_size(in) : 0;
    l.rows("broadcast_to", out[0], {sliced ? read(l.x(0)) : read_whole(l.x(0)), write(l.y())},
           element_count(out), [=](const Call& c) {
             for (int64_t r = 0; r < c.count(); ++r) {
               const T* from = c.at<T>(0) + r * in_row;
               T* to = c.at<T>(1) + r * row;
               loop.each([&](int64_t oa, int64_t, int64_t oy) {
                 for (int64_t i = 0; i < loop.run; ++i) to[oy + i] = from[oa + i * loop.a_inc];
               });
             }
           });
  });
}

void gradient_broadcast_to(GradientContext& g) { g.set(0, g.op("sum_to_like", {g.dy(), g.x(0)})); }

void add(const char* name, std::vector<std::string> attrs,
         std::vector<TensorSpec> (*infer)(const OpContext&), void (*lower)(Lowering&),
         void (*gradient)(GradientContext&), int inputs = 1, int shape_only_to = 1,
         bool internal = false) {
  OpDef def;
  def.name = name;
  def.attrs = std::move(attrs);
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.min_inputs = inputs < 0 ? 1 : inputs;
  def.max_inputs = inputs;
  def.shape_only_from = 1;  // behind the first input, if any
  def.shape_only_to = shape_only_to;
  def.internal = internal;
  def.flat = gradient == nullptr && !internal;
  def.recomputable = !internal;
  register_op(def);
}

bool register_all() {
  add("reshape", {"shape"}, infer_reshape, lower_alias, gradient_reshape);
  add("flatten", {}, infer_flatten, lower_alias, gradient_reshape);
  add("expand_dims", {"axis"}, infer_axis, lower_alias, gradient_reshape);
  add("squeeze", {"axis"}, infer_axis, lower_alias, gradient_reshape);
  add("merge_rows", {}, infer_merge_rows, lower_alias, gradient_reshape);
  add("split_rows", {}, infer_split_rows, lower_alias, gradient_reshape, 2, 2);
  add("stop_gradient", {}, infer_same, lower_alias, nullptr);
  add("cast", {"dtype"}, infer_cast, lower_cast, gradient_cast);
  add("transpose", {"axes"}, infer_transpose, lower_transpose, gradient_transpose);
  add("broadcast_to", {"shape"}, infer_broadcast_to, lower_broadcast_to, gradient_broadcast_to);
  add("broadcast_like", {}, infer_broadcast_like, lower_broadcast_to, gradient_broadcast_to, 2, 2);
  add("reshape_like", {}, infer_reshape_like, lower_alias, nullptr, 2, 2, true);
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
