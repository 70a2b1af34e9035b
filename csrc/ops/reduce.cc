// Sum, mean and maximum over axes.
#include "ops/reduce.h"

#include <algorithm>

#include "common/dispatch_dtype.h"
#include "ops/broadcast.h"

namespace pyframe {
namespace {

// A reduction after merging neighbouring dimensions: outer x fold x inner -> outer x inner.
struct Fold {
  int64_t outer, fold, inner;
};

template <typename T>
void fold_one(const KernelTable<T>& k, const Fold& s, Reduction how, T scale, const T* x, T* y) {
  if (s.inner == 1) {
    *y = how == Reduction::kSum ? k.sum(x, s.fold) : k.max(x, s.fold);
  } else if (how == Reduction::kSum) {
    k.column_sum(x, s.fold, s.inner, s.inner, y, false);
  } else {
    k.axpby(T(1), x, T(0), y, s.inner);
    for (int64_t i = 1; i < s.fold; ++i)
      k.binary[static_cast<int>(Binary::k_maximum)](y, x + i * s.inner, y, s.inner, 1, 1);
  }
  if (scale != T(1)) k.axpby(scale, y, T(0), y, s.inner);
}

// Long sums are cut in blocks of this size, summed apart and then together.
constexpr int64_t kBlock = 65536;

template <typename T>
void lower_total(Lowering& l, TensorId x, int64_t size, Reduction how, T scale, TensorId y) {
  const KernelTable<T>* k = &kernels<T>();
  TensorId source = x;
  int64_t count = size;
  if (size > 2 * kBlock) {
    const int64_t blocks = ceil_div(size, kBlock);
    source = l.temp({{blocks}, DTypeOf<T>::value});
    l.tasks("partial_reduce", blocks, {read_whole(x), write_whole(source)}, size,
            [=](const Call& c) {
              for (int64_t b = c.begin; b < c.end; ++b) {
                const T* from = c.at<T>(0) + b * kBlock;
                fold_one<T>(*k, {1, std::min(kBlock, size - b * kBlock), 1}, how, T(1), from,
                            c.at<T>(1) + b);
              }
            });
    count = blocks;
  }
  l.tasks("reduce", 1, {read_whole(source), write_whole(y)}, count, [=](const Call& c) {
    fold_one<T>(*k, {1, count, 1}, how, scale, c.at<T>(0), c.at<T>(1));
  });
}

template <typename T>
void lower_fold(Lowering& l, TensorId x, const Fold& s, Reduction how, T scale, TensorId y) {
  const KernelTable<T>* k = &kernels<T>();
  if (s.outer == 1 && s.inner == 1) return lower_total<T>(l, x, s.fold, how, scale, y);
  const int64_t work = s.outer * s.fold * s.inner;
  if (s.outer == 1) {
    constexpr int64_t kColumns = 256;
    l.tasks("reduce", ceil_div(s.inner, kColumns), {read_whole(x), write_whole(y)}, work,
            [=](const Call& c) {
              for (int64_t j = c.begin * kColumns; j < std::min(s.inner, c.end * kColumns);
                   j += kColumns) {
                const int64_t n = std::min(kColumns, s.inner - j);
                if (how == Reduction::kSum) {
                  k->column_sum(c.at<T>(0) + j, s.fold, n, s.inner, c.at<T>(1) + j, false);
                } else {
                  T* to = c.at<T>(1) + j;
                  k->axpby(T(1), c.at<T>(0) + j, T(0), to, n);
                  for (int64_t i = 1; i < s.fold; ++i)
                    k->binary[static_cast<int>(Binary::k_maximum)](to, c.at<T>(0) + i * s.inner + j,
                                                                   to, n, 1, 1);
                }
                if (scale != T(1)) k->axpby(scale, c.at<T>(1) + j, T(0), c.at<T>(1) + j, n);
              }
            });
    return;
  }
  // Tasks, not rows: outer need not be the leading dimension of x.
  const int64_t per_task = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, s.fold * s.inner));
  l.tasks("reduce", ceil_div(s.outer, per_task), {read_whole(x), write_whole(y)}, work,
          [=](const Call& c) {
            for (int64_t o = c.begin * per_task; o < std::min(s.outer, c.end * per_task); ++o)
              fold_one<T>(*k, s, how, scale, c.at<T>(0) + o * s.fold * s.inner,
                          c.at<T>(1) + o * s.inner);
          });
}

// Row-wise reduction: the leading dimension stays and the rest folds in one go.
template <typename T>
void lower_row_fold(Lowering& l, TensorId x, int64_t rows, const Fold& s, Reduction how, T scale,
                    TensorId y) {
  const KernelTable<T>* k = &kernels<T>();
  l.rows("reduce_rows", rows, {read(x), write(y)}, rows * s.outer * s.fold * s.inner,
         [=](const Call& c) {
           for (int64_t o = 0; o < c.count() * s.outer; ++o)
             fold_one<T>(*k, s, how, scale, c.at<T>(0) + o * s.fold * s.inner,
                         c.at<T>(1) + o * s.inner);
         });
}

struct Group {
  int64_t size;
  bool reduced;
};

std::vector<Group> merge_dims(const Shape& shape, const std::vector<bool>& reduced) {
  std::vector<Group> groups;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 1) continue;
    if (!groups.empty() && groups.back().reduced == reduced[i])
      groups.back().size *= shape[i];
    else
      groups.push_back({shape[i], reduced[i]});
  }
  return groups;
}

template <typename T>
void lower_groups(Lowering& l, TensorId x, const Shape& shape, const std::vector<bool>& reduced,
                  Reduction how, T scale, TensorId y) {
  std::vector<Group> groups = merge_dims(shape, reduced);
  const auto folds = std::count_if(groups.begin(), groups.end(), [](Group g) { return g.reduced; });
  if (folds == 0) {
    const int64_t size = element_count(shape);
    const KernelTable<T>* k = &kernels<T>();
    l.tasks("scale", 1, {read_whole(x), write_whole(y)}, size,
            [=](const Call& c) { k->axpby(scale, c.at<T>(0), T(0), c.at<T>(1), size); });
    return;
  }
  // Innermost fold first; all but the last write a smaller temporary.
  TensorId from = x;
  for (auto left = folds; left > 0; --left) {
    size_t at = groups.size() - 1;
    while (!groups[at].reduced) --at;
    Fold fold{1, groups[at].size, 1};
    for (size_t i = 0; i < at; ++i) fold.outer *= groups[i].size;
    for (size_t i = at + 1; i < groups.size(); ++i) fold.inner *= groups[i].size;
    const TensorId to = left == 1 ? y : l.temp({{fold.outer * fold.inner}, DTypeOf<T>::value});
    const bool whole_rows = folds == 1 && !reduced[0] && shape[0] > 1 && from == x;
    if (whole_rows)
      lower_row_fold<T>(l, x, shape[0], {fold.outer / shape[0], fold.fold, fold.inner}, how, scale,
                        y);
    else
      lower_fold<T>(l, from, fold, how, left == 1 ? scale : T(1), to);
    groups.erase(groups.begin() + static_cast<int64_t>(at));
    from = to;
  }
}

// -- the operators

std::vector<bool> reduced_axes(const OpContext& c) {
  const int64_t rank = c.rank(0);
  const Ints axes = c.attrs.ints("axes", {});
  std::vector<bool> reduced(static_cast<size_t>(rank), axes.empty());
  for (int64_t axis : axes) {
    c.require(axis >= -rank && axis < rank, "axis ", axis, " is out of range.");
    const auto at = static_cast<size_t>(axis < 0 ? axis + rank : axis);
    c.require(axes.size() == 1 || !reduced[at], "axes must name a dimension once.");
    reduced[at] = true;
  }
  return reduced;
}

enum ReduceOp { kReduceSum, kReduceMean, kReduceMax };

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.inputs[0].dtype != DType::kI32, "needs a float tensor.");
  const std::vector<bool> reduced = reduced_axes(c);
  const bool keep = c.attrs.flag("keepdims", false);
  TensorSpec out{{}, c.inputs[0].dtype};
  for (size_t i = 0; i < reduced.size(); ++i) {
    const bool fold = reduced[i];
    c.require(!fold || c.shape(0)[i] > 0 || c.def.id != kReduceMax,
              "the maximum over an empty axis does not exist.");
    if (!fold)
      out.shape.push_back(c.shape(0)[i]);
    else if (keep)
      out.shape.push_back(1);
  }
  return {out};
}

int64_t folded_count(const Shape& shape, const std::vector<bool>& reduced) {
  int64_t count = 1;
  for (size_t i = 0; i < shape.size(); ++i)
    if (reduced[i]) count *= shape[i];
  return count;
}

void lower(Lowering& l) {
  const std::vector<TensorSpec> specs = {{l.x_shape(0), l.x_dtype(0)}};
  const std::vector<bool> reduced = reduced_axes({l.def(), l.attrs(), specs});
  double scale = 1;
  if (l.def().id == kReduceMean)
    scale = 1.0 / static_cast<double>(folded_count(specs[0].shape, reduced));
  lower_reduction(l, l.x(0), specs[0].shape, reduced,
                  l.def().id == kReduceMax ? Reduction::kMax : Reduction::kSum, scale, l.y());
}

void gradient(GradientContext& g) {
  g.set(0, g.op(g.name() == "reduce_mean" ? "reduce_mean_grad" : "reduce_sum_grad",
                {g.dy(), g.x(0)}, g.attrs()));
}

// The gradient of a maximum is shared equally by all elements that reach it.
void gradient_max(GradientContext& g) {
  Attrs keep = g.attrs();
  keep.set("keepdims", int64_t{1});
  const TensorId spread = g.op("reduce_sum_grad", {g.y(0), g.x(0)}, g.attrs());
  const TensorId hits = g.op("equal", {g.x(0), spread});
  const TensorId share = g.op("divide", {hits, g.op("reduce_sum", {hits}, keep)});
  const TensorId dy = g.op("reduce_sum_grad", {g.dy(), g.x(0)}, g.attrs());
  g.set(0, g.op("multiply", {dy, share}));
}

// dx[i] = dy[i without the folded axes] (/ count): inputs dy and x, the latter for its shape.
std::vector<TensorSpec> infer_grad(const OpContext& c) { return {c.inputs[1]}; }

void lower_grad(Lowering& l) {
  const std::vector<TensorSpec> specs = {{l.x_shape(1), l.x_dtype(1)}};
  const std::vector<bool> reduced = reduced_axes({l.def(), l.attrs(), specs});
  Shape small = specs[0].shape;
  for (size_t i = 0; i < small.size(); ++i)
    if (reduced[i]) small[i] = 1;
  const double scale = l.def().id == kReduceMean
                           ? 1.0 / static_cast<double>(folded_count(specs[0].shape, reduced))
                           : 1.0;
  const Shape& out = l.y_shape();
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto multiply = kernels<T>().binary[static_cast<int>(Binary::k_multiply)];
    const T factor = static_cast<T>(scale);
    if (out.empty()) {
      l.tasks("reduce_grad", 1, {read_whole(l.x(0)), write_whole(l.y())}, 1,
              [=](const Call& c) { *c.at<T>(1) = *c.at<T>(0) * factor; });
      return;
    }
    const StridedLoop loop(out, small, {}, 1);
    const bool sliced = small[0] == out[0] && out[0] != 1;
    const int64_t row = row_size(out), small_row = sliced ? row_size(small) : 0;
    l.rows("reduce_grad", out[0], {sliced ? read(l.x(0)) : read_whole(l.x(0)), write(l.y())},
           element_count(out), [=](const Call& c) {
             for (int64_t r = 0; r < c.count(); ++r) {
               const T* from = c.at<T>(0) + r * small_row;
               T* to = c.at<T>(1) + r * row;
               loop.each([&](int64_t oa, int64_t, int64_t oy) {
                 multiply(from + oa, &factor, to + oy, loop.run, loop.a_inc, 0);
               });
             }
           });
  });
}

// -- undoing a broadcast

std::vector<TensorSpec> infer_sum_to_like(const OpContext& c) {
  return {{c.shape(1), c.inputs[0].dtype}};
}

void lower_sum_to_like(Lowering& l) {
  const Shape& from = l.x_shape(0);
  const Shape& to = l.x_shape(1);
  if (from == to) return l.alias(l.y(), l.x(0));
  std::vector<bool> reduced(from.size(), true);
  const size_t missing = from.size() - to.size();
  for (size_t i = 0; i < to.size(); ++i) reduced[missing + i] = to[i] != from[missing + i];
  lower_reduction(l, l.x(0), from, reduced, Reduction::kSum, 1.0, l.y());
}

bool register_all() {
  const char* names[] = {"reduce_sum", "reduce_mean", "reduce_max"};
  for (int i = 0; i < 3; ++i) {
    OpDef def;
    def.name = names[i];
    def.attrs = {"axes", "keepdims"};
    def.infer = infer;
    def.lower = lower;
    def.gradient = i == kReduceMax ? gradient_max : gradient;
    def.work = [](const OpContext& c) { return element_count(c.shape(0)); };
    def.id = i;
    register_op(def);
    if (i == kReduceMax) break;
    def.name += "_grad";
    def.min_inputs = def.max_inputs = 2;
    def.infer = infer_grad;
    def.lower = lower_grad;
    def.gradient = nullptr;
    def.shape_only_from = 1;
    def.shape_only_to = 2;
    def.internal = true;
    def.work = nullptr;
    register_op(def);
  }
  OpDef like;
  like.name = "sum_to_like";
  like.min_inputs = like.max_inputs = 2;
  like.infer = infer_sum_to_like;
  like.lower = lower_sum_to_like;
  like.shape_only_from = 1;
  like.shape_only_to = 2;
  like.internal = true;
  return register_op(like);
}

const bool registered = register_all();

}  // namespace

void lower_reduction(Lowering& l, TensorId x, const Shape& shape, const std::vector<bool>& reduced,
                     Reduction how, double scale, TensorId y) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    lower_groups<T>(l, x, shape, reduced, how, static_cast<T>(scale), y);
  });
}

void lower_zero(Lowering& l, TensorId y, int64_t size) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    l.tasks("zero", 1, {write_whole(y)}, size,
            [=](const Call& c) { k->fill(c.at<T>(0), size, 0); });
  });
}

void lower_lane_sum(Lowering& l, TensorId lanes, int64_t copies, int64_t size, TensorId y) {
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    constexpr int64_t kColumns = 4096;
    l.tasks("sum_lanes", ceil_div(size, kColumns), {read_whole(lanes), write_whole(y)},
            size * copies, [=](const Call& c) {
              const int64_t begin = c.begin * kColumns;
              const int64_t n = std::min(size, c.end * kColumns) - begin;
              k->column_sum(c.at<T>(0) + begin, copies, n, size, c.at<T>(1) + begin, false);
            });
  });
}

}  // namespace pyframe
