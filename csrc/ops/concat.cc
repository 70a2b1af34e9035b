// Concatenation, and the pieces of its gradient.
//
// Inputs that the plan placed in the result (csrc/graph/place_joined.cc) are there already; only
// the others are copied.
#include <cstring>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

size_t concat_axis(const OpContext& c, size_t of) {
  const int64_t rank = c.rank(of);
  const int64_t axis = c.attrs.integer("axis", -1);
  c.require(axis >= -rank && axis < rank, "axis ", axis, " is out of range.");
  return static_cast<size_t>(axis < 0 ? axis + rank : axis);
}

std::vector<TensorSpec> infer_concat(const OpContext& c) {
  const size_t axis = concat_axis(c, 0);
  TensorSpec out = c.inputs[0];
  for (size_t i = 1; i < c.count(); ++i) {
    c.require(c.inputs[i].dtype == out.dtype && c.rank(i) == c.rank(0),
              "all inputs must have the same dtype and rank.");
    for (size_t d = 0; d < out.shape.size(); ++d)
      c.require(d == axis || c.shape(i)[d] == out.shape[d],
                "all inputs must agree in every dimension but the axis.");
    out.shape[axis] += c.shape(i)[axis];
  }
  return {out};
}

int64_t product(const Shape& shape, size_t begin, size_t end) {
  int64_t result = 1;
  for (size_t i = begin; i < end; ++i) result *= shape[i];
  return result;
}

// One operand of a copy: the part of a tensor that lies in front of, on and behind the axis.
struct Runs {
  int64_t start, step;  // of the first run, and from one run to the next
};

// Adds the step that copies runs of `lengths` elements, one of each `from` for each of its `to`.
void lower_copies(Lowering& l, const char* name, const std::vector<TensorId>& from,
                  const std::vector<Runs>& from_runs, const std::vector<TensorId>& to,
                  const std::vector<Runs>& to_runs, const std::vector<int64_t>& lengths,
                  const Shape& shape, size_t axis) {
  const bool rows = axis > 0;
  std::vector<Operand> operands;
  for (TensorId id : from) operands.push_back(rows ? read(id) : read_whole(id));
  for (TensorId id : to) operands.push_back(rows ? write(id) : write_whole(id));
  const int64_t runs_per_row = rows ? product(shape, 1, axis) : 1;
  const int64_t each = product(shape, 0, axis);
  int64_t work = 0;
  for (int64_t length : lengths) work += each * length;
  dispatch_any(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto body = [=](const Call& c) {
      const int64_t runs = rows ? c.count() * runs_per_row : 1;
      const bool one = to.size() == 1;  // they share one result
      for (size_t i = 0; i < from.size(); ++i) {
        const T* x = c.at<T>(static_cast<int>(i)) + from_runs[i].start;
        T* y = c.at<T>(static_cast<int>(from.size() + (one ? 0 : i))) + to_runs[i].start;
        const auto bytes = static_cast<size_t>(lengths[i]) * sizeof(T);
        for (int64_t r = 0; r < runs; ++r)
          std::memcpy(y + r * to_runs[i].step, x + r * from_runs[i].step, bytes);
      }
    };
    if (rows)
      l.rows(name, shape[0], std::move(operands), work, body);
    else
      l.tasks(name, 1, std::move(operands), work, body);
  });
}

void lower_concat(Lowering& l) {
  const Shape out = l.y_shape();
  std::vector<TensorSpec> specs;
  for (size_t i = 0; i < l.count(); ++i) specs.push_back({l.x_shape(i), l.x_dtype(i)});
  const size_t axis = concat_axis({l.def(), l.attrs(), specs}, 0);
  const int64_t inner = product(out, axis + 1, out.size());
  // Steps from run to run; views only have the last axis.
  const auto step = [&](TensorId id, const Shape& shape) {
    return axis + 1 == shape.size() ? l.pitch(id) : shape[axis] * inner;
  };
  const int64_t y_step = step(l.y(), out);
  std::vector<TensorId> from, to;
  std::vector<Runs> from_runs, to_runs;
  std::vector<int64_t> lengths;
  bool shared = false;  // with inputs that are in their places
  int64_t column = 0;
  std::vector<int64_t> columns;
  for (size_t i = 0; i < l.count(); ++i) {
    const int64_t length = specs[i].shape[axis] * inner;
    if (l.view_of(l.x(i)) == l.y() && l.view_column(l.x(i)) == column) {
      shared = true;
    } else if (length > 0) {
      from.push_back(l.x(i));
      from_runs.push_back({0, step(l.x(i), specs[i].shape)});
      to_runs.push_back({column, y_step});
      lengths.push_back(length);
    }
    column += length;
  }
  if (shared && from.empty()) return;
  if (shared) {
    // Each copy writes its own columns, so that readers of the others need not wait for it.
    for (size_t i = 0; i < from.size(); ++i) {
      TensorSpec spec = l.spec(l.y());
      spec.shape.back() = lengths[i];
      to.push_back(l.view(l.y(), to_runs[i].start, spec));
      to_runs[i].start = 0;
    }
  } else {
    to.push_back(l.y());
  }
  lower_copies(l, "concat", from, from_runs, to, to_runs, lengths, out, axis);
}

void gradient_concat(GradientContext& g) {
  for (size_t i = 0; i < g.count(); ++i) {
    if (!g.needs(i)) continue;
    std::vector<TensorId> inputs = {g.dy()};
    for (size_t j = 0; j < g.count(); ++j) inputs.push_back(g.x(j));
    Attrs attrs = g.attrs();
    attrs.set("piece", static_cast<int64_t>(i));
    g.set(i, g.op("concat_piece", inputs, attrs));
  }
}

// The part of dy that belongs to input `piece` of a concat; the inputs behind dy give shapes.
std::vector<TensorSpec> infer_piece(const OpContext& c) {
  return {c.inputs[static_cast<size_t>(c.attrs.integer("piece", 0)) + 1]};
}

void lower_piece(Lowering& l) {
  if (l.view_of(l.y()) == l.x(0)) return;  // it is there
  const auto piece = static_cast<size_t>(l.attrs().integer("piece", 0)) + 1;
  const Shape whole = l.x_shape(0), out = l.y_shape();
  std::vector<TensorSpec> specs = {{whole, l.dtype()}};
  const size_t axis = concat_axis({l.def(), l.attrs(), specs}, 0);
  const int64_t inner = product(whole, axis + 1, whole.size());
  int64_t start = 0;
  for (size_t i = 1; i < piece; ++i) start += l.x_shape(i)[axis] * inner;
  const int64_t length = out[axis] * inner;
  const bool last = axis + 1 == whole.size();
  lower_copies(l, "concat_piece", {l.x(0)}, {{start, last ? l.pitch(l.x(0)) : whole[axis] * inner}},
               {l.y()}, {{0, last ? l.pitch(l.y()) : length}}, {length}, out, axis);
}

bool register_all() {
  OpDef def;
  def.name = "concat";
  def.attrs = {"axis"};
  def.infer = infer_concat;
  def.lower = lower_concat;
  def.gradient = gradient_concat;
  def.max_inputs = -1;
  def.recomputable = true;
  def.joins = true;
  def.pitched_inputs = ~uint32_t{0};
  def.pitched_output = true;
  def.can_pitch = [](const OpContext& c) {
    return c.rank(0) > 1 && concat_axis(c, 0) + 1 == c.inputs[0].shape.size();
  };
  register_op(def);

  OpDef piece;
  piece.name = "concat_piece";
  piece.attrs = {"axis", "piece"};
  piece.infer = infer_piece;
  piece.lower = lower_piece;
  piece.max_inputs = -1;
  piece.shape_only_from = 1;  // behind dy
  piece.shape_only_to = 1 << 30;
  piece.internal = true;
  piece.splits = true;
  piece.pitched_inputs = 1;
  piece.pitched_output = true;
  piece.can_pitch = def.can_pitch;
  return register_op(piece);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
