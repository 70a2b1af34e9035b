// Rows of a table by number (embeddings), and the gradient: sums of rows in the order of the ids.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

// Row `id` of a table of `rows`, counted from the end if negative; -1 if there is no such row.
int64_t row_of(int32_t id, int64_t rows) {
  const int64_t row = id < 0 ? id + rows : id;
  return row >= 0 && row < rows ? row : -1;
}

std::vector<TensorSpec> infer(const OpContext& c) {
  c.require(c.rank(0) >= 1, "needs a table with at least one axis.");
  c.require(c.inputs[1].dtype == DType::kI32, "ids must be int32.");
  TensorSpec out{c.shape(1), c.inputs[0].dtype};
  out.shape.insert(out.shape.end(), c.shape(0).begin() + 1, c.shape(0).end());
  return {out};
}

// A number that no row has is NaN in the result (0 if it holds integers).
void lower(Lowering& l) {
  const Shape table = l.x_shape(0), ids = l.x_shape(1);
  const int64_t rows = table[0], width = row_size(table), count = element_count(ids);
  const int64_t lead = ids.empty() ? 1 : ids[0], per_lead = lead > 0 ? count / lead : 0;
  const bool sliced = !ids.empty() && lead == l.batch() && !l.few_rows(lead, count * width);
  dispatch_any(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T missing =
        std::numeric_limits<T>::has_quiet_NaN ? std::numeric_limits<T>::quiet_NaN() : T(0);
    const auto copy = [=](const T* from, const int32_t* id, T* to, int64_t n) {
      for (int64_t i = 0; i < n; ++i, to += width) {
        const int64_t row = row_of(id[i], rows);
        if (row < 0)
          std::fill_n(to, width, missing);
        else
          std::memcpy(to, from + row * width, static_cast<size_t>(width) * sizeof(T));
      }
    };
    if (sliced) {
      l.rows("gather", lead, {read_whole(l.x(0)), read(l.x(1)), write(l.y())}, count * width,
             [=](const Call& c) {
               copy(c.at<T>(0), c.at<int32_t>(1), c.at<T>(2), c.count() * per_lead);
             });
      return;
    }
    const int64_t block = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, width));
    l.tasks("gather", ceil_div(count, block),
            {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(l.y())}, count * width,
            [=](const Call& c) {
              const int64_t begin = c.begin * block, end = std::min(count, c.end * block);
              copy(c.at<T>(0), c.at<int32_t>(1) + begin, c.at<T>(2) + begin * width, end - begin);
            });
  });
}

void gradient(GradientContext& g) { g.set(0, g.op("gather_grad", {g.dy(), g.x(1), g.x(0)})); }

// Inputs dy, ids and the table, the last for its shape.
std::vector<TensorSpec> infer_grad(const OpContext& c) { return {c.inputs[2]}; }

int64_t work_grad(const OpContext& c) {
  return element_count(c.shape(0)) + element_count(c.shape(2));
}

void lower_grad(Lowering& l) {
  const Shape table = l.y_shape();
  const int64_t rows = table[0], width = row_size(table), count = element_count(l.x_shape(1));
  const int64_t pieces = std::clamp<int64_t>(rows, 1, 16);
  dispatch_float(l.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto axpby = kernels<T>().axpby;
    // Each task owns some rows of the table and looks through all ids for them.
    l.tasks("gather_grad", pieces, {read_whole(l.x(0)), read_whole(l.x(1)), write_whole(l.y())},
            count * width + rows * width, [=](const Call& c) {
              const int64_t begin = c.begin * rows / pieces, end = c.end * rows / pieces;
              const T* dy = c.at<T>(0);
              const int32_t* ids = c.at<int32_t>(1);
              T* dx = c.at<T>(2);
              std::fill_n(dx + begin * width, (end - begin) * width, T(0));
              for (int64_t i = 0; i < count; ++i) {
                const int64_t row = row_of(ids[i], rows);
                if (row >= begin && row < end)
                  axpby(T(1), dy + i * width, T(1), dx + row * width, width);
              }
            });
  });
}

bool register_all() {
  OpDef def;
  def.name = "gather";
  def.min_inputs = def.max_inputs = 2;
  def.infer = infer;
  def.lower = lower;
  def.gradient = gradient;
  register_op(def);

  OpDef grad;
  grad.name = "gather_grad";
  grad.min_inputs = grad.max_inputs = 3;
  grad.infer = infer_grad;
  grad.lower = lower_grad;
  grad.work = work_grad;
  grad.shape_only_from = 2;
  grad.shape_only_to = 3;
  grad.internal = true;
  return register_op(grad);
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
