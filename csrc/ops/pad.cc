// Padding with a constant and cutting off: negative amounts remove elements, so that the gradient
// of the operator is the operator with the opposite amounts.
#include <algorithm>
#include <cstring>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

// Far beyond any tensor; keeps the arithmetic from overflowing.
constexpr int64_t kLargest = int64_t{1} << 40;

Ints amounts(const OpContext& c, const char* name) {
  const Ints values = c.attrs.ints(name, {});
  c.require(static_cast<int64_t>(values.size()) == c.rank(0), name,
            " must hold one number for each dimension.");
  for (int64_t n : values)
    c.require(n >= -kLargest && n <= kLargest, name, " holds a number out of range: ", n, ".");
  return values;
}

std::vector<TensorSpec> infer(const OpContext& c) {
  const Ints before = amounts(c, "before"), after = amounts(c, "after");
  c.attrs.number("value", 0);
  TensorSpec out = c.inputs[0];
  for (size_t d = 0; d < out.shape.size(); ++d) {
    const int64_t n = c.shape(0)[d];
    c.require(-std::min<int64_t>(0, before[d]) - std::min<int64_t>(0, after[d]) <= n, "dimension ",
              d, " has only ", n, " elements, fewer than are to be cut off.");
    out.shape[d] = n + before[d] + after[d];
  }
  return {out};
}

// One dimension of the copy; block: elements behind it in x and in y.
struct Axis {
  int64_t in, out, before, in_block, out_block;
};

// Writes all positions of `axis` and of the `count` dimensions behind it. The last one is
// contiguous in x and y.
template <typename T>
void copy_axes(const Axis& axis, const Axis* behind, size_t count, const T* from, T* to, T value) {
  const int64_t begin = std::clamp<int64_t>(axis.before, 0, axis.out);
  const int64_t end = std::clamp<int64_t>(axis.before + axis.in, begin, axis.out);
  std::fill_n(to, begin * axis.out_block, value);
  std::fill_n(to + end * axis.out_block, (axis.out - end) * axis.out_block, value);
  from += (begin - axis.before) * axis.in_block;
  to += begin * axis.out_block;
  if (count == 0) {
    std::memcpy(to, from, static_cast<size_t>((end - begin) * axis.out_block) * sizeof(T));
    return;
  }
  for (int64_t i = begin; i < end; ++i, from += axis.in_block, to += axis.out_block)
    copy_axes(behind[0], behind + 1, count - 1, from, to, value);
}

void lower(Lowering& l) {
  const Shape in = l.x_shape(0), out = l.y_shape();
  if (in == out && l.attrs().ints("before", {}) == Ints(in.size(), 0))
    return l.alias(l.y(), l.x(0));
  const Ints before = l.attrs().ints("before", {});
  const double number = l.attrs().number("value", 0);
  size_t last = 0;  // the last dimension that changes: all behind it is one block
  for (size_t d = 0; d < in.size(); ++d)
    if (before[d] != 0 || in[d] != out[d]) last = d;
  std::vector<Axis> axes(last + 1);
  int64_t in_block = 1, out_block = 1;
  for (size_t d = in.size(); d-- > 0;) {
    if (d <= last) axes[d] = {in[d], out[d], before[d], in_block, out_block};
    in_block *= in[d];
    out_block *= out[d];
  }
  const int64_t size = element_count(out);
  const bool sliced = last > 0 && before[0] == 0 && in[0] == out[0];
  dispatch_any(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T value = static_cast<T>(number);
    if (sliced && !l.few_rows(out[0], size)) {
      l.rows("pad", out[0], {read(l.x(0)), write(l.y())}, size, [=](const Call& c) {
        Axis rows = axes[0];
        rows.in = rows.out = c.count();
        copy_axes(rows, axes.data() + 1, last, c.at<T>(0), c.at<T>(1), value);
      });
      return;
    }
    // Tasks: positions along the first dimension that has more than one.
    size_t cut = 0;
    while (cut < last && axes[cut].out == 1 && axes[cut].in == 1 && axes[cut].before == 0) ++cut;
    const int64_t extent = axes[cut].out, pieces = std::clamp<int64_t>(extent, 1, 64);
    l.tasks("pad", pieces, {read_whole(l.x(0)), write_whole(l.y())}, size, [=](const Call& c) {
      const int64_t begin = c.begin * extent / pieces;
      Axis part = axes[cut];
      part.before -= begin;
      part.out = c.end * extent / pieces - begin;
      copy_axes(part, axes.data() + cut + 1, last - cut, c.at<T>(0),
                c.at<T>(1) + begin * part.out_block, value);
    });
  });
}

void gradient(GradientContext& g) {
  Ints before = g.attrs().ints("before", {}), after = g.attrs().ints("after", {});
  for (int64_t& n : before) n = -n;
  for (int64_t& n : after) n = -n;
  g.set(0, g.op("pad", {g.dy()}, {{"before", before}, {"after", after}}));
}

bool register_all() {
  OpDef def;
  def.name = "pad";
  def.attrs = {"before", "after", "value"};
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  def.is_padding = true;
  def.recomputable = true;
  return register_op(def);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
