// Steps that treat tensors of one shape as flat arrays.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {

// Adds a step in which f(call, offset, n) computes n contiguous elements of operand `out`
// (the last operand) from the same elements of `in`; each operand pointer is to be advanced by
// offset. Operands in `whole` follow the inputs and are seen whole (scalars). The result may take
// over the storage of input `in_place` (-1: none).
template <typename F>
Step& elementwise(Lowering& l, const std::vector<TensorId>& in, const std::vector<TensorId>& whole,
                  TensorId out, const Shape& shape, int in_place, F f) {
  constexpr int64_t kBlock = 16384;
  const int64_t size = element_count(shape);
  const int64_t rows = shape.empty() ? 1 : shape[0];
  const bool split = shape.empty() || rows != l.batch() || l.few_rows(rows, size);
  std::vector<Operand> operands;
  for (TensorId id : in) operands.push_back(split ? read_whole(id) : read(id));
  for (TensorId id : whole) operands.push_back(read_whole(id));
  operands.push_back(split ? write_whole(out) : write(out));
  const int last = static_cast<int>(operands.size()) - 1;
  const char* name = l.def().name.c_str();
  Step* step;
  if (split) {
    step = &l.tasks(name, ceil_div(size, kBlock), std::move(operands), size, [=](const Call& c) {
      const int64_t begin = c.begin * kBlock;
      f(c, begin, std::min(c.end * kBlock, size) - begin);
    });
  } else {
    const int64_t row = row_size(shape);
    step = &l.rows(name, rows, std::move(operands), size,
                   [=](const Call& c) { f(c, int64_t{0}, c.count() * row); });
  }
  step->in_place_from = in_place;
  step->in_place_to = in_place < 0 ? -1 : last;
  return *step;
}

}  // namespace pyframe
