// Steps that treat tensors of one shape as flat arrays.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "common/dispatch_dtype.h"
#include "ir/lowering.h"

namespace pyframe {

// The same as `elementwise` for operands whose rows of the last axis lie apart: f is called for
// each row, with operands that begin there.
template <typename F>
Step& elementwise_rows(Lowering& l, const std::vector<TensorId>& in,
                       const std::vector<TensorId>& whole, TensorId out, const Shape& shape, F f) {
  constexpr int64_t kBlock = 16384, kOperands = 8;
  const int64_t n = shape.back(), size = element_count(shape), lead = shape[0];
  const bool split = lead != l.batch() || l.few_rows(lead, size);
  std::vector<Operand> operands;
  std::vector<int64_t> steps;  // bytes from row to row, by operand
  const auto add = [&](TensorId id, Operand operand) {
    operands.push_back(operand);
    steps.push_back(l.pitch(id) * static_cast<int64_t>(dtype_size(l.spec(id).dtype)));
  };
  for (TensorId id : in) add(id, split ? read_whole(id) : read(id));
  for (TensorId id : whole) operands.push_back(read_whole(id)), steps.push_back(0);
  add(out, split ? write_whole(out) : write(out));
  check(operands.size() <= kOperands, "internal error: too many operands of an elementwise step");
  const auto run = [=](const Call& c, int64_t first, int64_t rows) {
    Operand moved[kOperands];
    std::copy_n(c.operands, steps.size(), moved);
    Call row = c;
    row.operands = moved;
    for (size_t i = 0; i < steps.size(); ++i) moved[i].offset += first * steps[i];
    for (int64_t r = 0; r < rows; ++r) {
      f(row, int64_t{0}, n);
      for (size_t i = 0; i < steps.size(); ++i) moved[i].offset += steps[i];
    }
  };
  const char* name = l.def().name.c_str();
  if (split) {
    const int64_t rows = size / n, block = std::max<int64_t>(1, kBlock / n);
    return l.tasks(name, ceil_div(rows, block), std::move(operands), size, [=](const Call& c) {
      run(c, c.begin * block, std::min(c.end * block, rows) - c.begin * block);
    });
  }
  const int64_t per_lead = size / n / lead;
  return l.rows(name, lead, std::move(operands), size,
                [=](const Call& c) { run(c, 0, c.count() * per_lead); });
}

// Adds a step in which f(call, offset, n) computes n contiguous elements of operand `out`
// (the last operand) from the same elements of `in`; each operand pointer is to be advanced by
// offset. Operands in `whole` follow the inputs and are seen whole (scalars). The result may take
// over the storage of input `in_place` (-1: none).
template <typename F>
Step& elementwise(Lowering& l, const std::vector<TensorId>& in, const std::vector<TensorId>& whole,
                  TensorId out, const Shape& shape, int in_place, F f) {
  constexpr int64_t kBlock = 16384;
  const int64_t size = element_count(shape);
  bool apart = l.is_view(out);
  for (TensorId id : in) apart = apart || l.is_view(id);
  if (apart) return elementwise_rows(l, in, whole, out, shape, f);
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
