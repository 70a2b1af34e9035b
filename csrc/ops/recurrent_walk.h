// The walk of recurrent operators through time, for a cell that knows one step.
//
// A cell is made with (Lowering, Operands, Recurrence, kernel, recurrent bias or kNoTensor, whether
// it computes the gradient) and has `width()`, numbers of scratch memory a sample, `forward` and
// `backward`.
#pragma once

#include "ops/recurrent.h"

namespace pyframe {

// Where the samples of a block lie in the tensors of an operator.
template <typename T>
struct Sequences {
  T* data = nullptr;
  int64_t steps = 0, width = 0;

  RowsOf<T> at(int64_t step) const {
    return {data == nullptr ? nullptr : data + step * width, steps * width};
  }
};

// The steps of a block that count.
template <typename T>
class BlockMask {
 public:
  BlockMask(const T* mask, int64_t rows, int64_t steps) : mask_(mask), rows_(rows), steps_(steps) {}
  bool counts(int64_t row, int64_t step) const {
    return mask_ == nullptr || mask_[row * steps_ + step] != T(0);
  }
  bool any(int64_t step) const {
    for (int64_t i = 0; i < rows_; ++i)
      if (counts(i, step)) return true;
    return false;
  }

 private:
  const T* mask_;
  int64_t rows_, steps_;
};

template <template <typename> class Cell, typename T>
void lower_walk(Lowering& l, const Recurrence& r) {
  struct Places {
    int projected, mask = -1, dropout = -1, initial[2] = {-1, -1};
    int outputs = -1, last = -1, final[2] = {-1, -1}, saved = -1, before[2] = {-1, -1};
  } p;
  Operands operands;
  const TensorId bias = r.biased ? l.x(2) : kNoTensor;
  const Cell<T> cell(l, operands, r, l.x(1), bias, false);
  p.projected = operands.read(l.x(0));
  if (r.masked) p.mask = operands.read(l.x(r.mask()));
  if (r.dropped) p.dropout = operands.read(l.x(r.dropout()));
  const auto result = [&](size_t i) { return l.is_read(l.y(i)) ? operands.write(l.y(i)) : -1; };
  p.outputs = result(0);
  p.last = result(1);
  p.saved = result(r.saved());
  for (size_t i = 0; i < r.cell.states; ++i) {
    if (r.initial) p.initial[i] = operands.read(l.x(r.state(i)));
    p.final[i] = result(r.final_state(i));
    p.before[i] = result(r.before(i));
  }
  const auto states = static_cast<int>(r.cell.states);
  const int64_t u = r.units, steps = r.steps, block = r.block();
  const auto run = [=](const Call& c, int64_t first, int64_t rows) {
    const auto at = [&](int place, int64_t offset) {
      return place < 0 ? nullptr : c.at<T>(place) + first * offset;
    };
    Workspace<T> space(c.workspace);
    TimeStep<T> s{};
    s.call = &c;
    s.rows = rows;
    s.dropout = {at(p.dropout, r.cell.gates * u), r.cell.gates * u};
    for (int i = 0; i < states; ++i) {
      s.state[i] = space.take(rows, u);
      s.next[i] = space.take(rows, u);
      for (int64_t row = 0; row < rows; ++row)
        if (p.initial[i] >= 0)
          std::copy_n(at(p.initial[i], u) + row * u, u, s.state[i][row]);
        else
          std::fill_n(s.state[i][row], u, T(0));
    }
    const RowsOf<T> scratch_saved = space.take(rows, r.cell.saved * u);
    s.scratch = space.rest();
    const Sequences<T> projected{at(p.projected, steps * r.cell.gates * u), steps,
                                 r.cell.gates * u};
    const Sequences<T> saved{at(p.saved, steps * r.cell.saved * u), steps, r.cell.saved * u};
    const Sequences<T> outputs{at(p.outputs, steps * u), steps, u};
    const BlockMask<T> mask(at(p.mask, steps), rows, steps);
    bool started[Recurrence::kMaxRows] = {};
    const auto write_output = [&](int64_t row, bool counts, T* to) {
      if (counts || (started[row] && !r.zero_output))
        std::copy_n(s.state[0][row], u, to);
      else
        std::fill_n(to, u, T(0));
    };
    for (int64_t number = 0; number < steps; ++number) {
      const int64_t t = r.step_of(number);
      for (int i = 0; i < states; ++i) {
        const Sequences<T> before{at(p.before[i], steps * u), steps, u};
        for (int64_t row = 0; before.data != nullptr && row < rows; ++row)
          std::copy_n(s.state[i][row], u, before.at(t)[row]);
      }
      if (mask.any(t)) {
        s.projected = {projected.at(t).data, projected.at(t).pitch};
        s.saved = saved.data == nullptr ? scratch_saved : saved.at(t);
        cell.forward(s);
        for (int i = 0; i < states; ++i) {
          for (int64_t row = 0; row < rows; ++row)
            if (!mask.counts(row, t)) std::copy_n(s.state[i][row], u, s.next[i][row]);
          std::swap(s.state[i], s.next[i]);
        }
      }
      for (int64_t row = 0; row < rows; ++row) {
        const bool counts = mask.counts(row, t);
        started[row] = started[row] || counts;
        if (outputs.data != nullptr)
          write_output(row, counts, outputs.at(r.time_order ? t : number)[row]);
        if (p.last >= 0 && number == steps - 1) write_output(row, counts, at(p.last, u) + row * u);
      }
    }
    for (int64_t row = 0; row < rows; ++row) {
      if (p.last >= 0 && steps == 0) std::fill_n(at(p.last, u) + row * u, u, T(0));
      for (int i = 0; i < states; ++i)
        if (p.final[i] >= 0) std::copy_n(s.state[i][row], u, at(p.final[i], u) + row * u);
    }
  };
  Step& step = l.tasks(l.def().name.c_str(), ceil_div(r.batch, block), operands.take(), r.work(),
                       [=](const Call& c) {
                         for (int64_t b = c.begin; b < c.end; ++b)
                           run(c, b * block, std::min(block, r.batch - b * block));
                       });
  step.workspace = 2 * r.cell.states * Workspace<T>::bytes(block, u) +
                   Workspace<T>::bytes(block, r.cell.saved * u) + cell.scratch_bytes(block);
}

// The gradient, from the last step that was made to the first.
template <template <typename> class Cell, typename T>
void lower_walk_grad(Lowering& l, const Recurrence& r, bool products) {
  struct Places {
    int saved, before[2] = {-1, -1}, mask = -1, dropout = -1;
    int dy = -1, dlast = -1, dfinal[2] = {-1, -1};
    int dprojected, dproducts = -1, dinitial[2] = {-1, -1};
  } p;
  Operands operands;
  size_t next = 2 + r.cell.states;
  const Cell<T> cell(l, operands, r, l.x(next - 1), kNoTensor, true);
  p.saved = operands.read(l.x(0));
  if (r.masked) p.mask = operands.read(l.x(next++));
  if (r.dropped) p.dropout = operands.read(l.x(next++));
  const int64_t given = l.attrs().integer("given", 0);
  const auto slope = [&](int bit) {
    return (given >> bit & 1) != 0 ? operands.read(l.x(next++)) : -1;
  };
  p.dy = slope(0);
  p.dlast = slope(1);
  for (size_t i = 0; i < r.cell.states; ++i) {
    p.before[i] = operands.read(l.x(1 + i));
    p.dfinal[i] = slope(2 + static_cast<int>(i));
    if (l.is_read(l.y(1 + i))) p.dinitial[i] = operands.write(l.y(1 + i));
  }
  p.dprojected = operands.write(l.y(0));
  if (products && l.is_read(l.y(1 + r.cell.states)))
    p.dproducts = operands.write(l.y(1 + r.cell.states));
  const auto states = static_cast<int>(r.cell.states);
  const int64_t u = r.units, steps = r.steps, width = r.cell.gates * r.units, block = r.block();
  const auto run = [=](const Call& c, int64_t first, int64_t rows) {
    const auto at = [&](int place, int64_t offset) {
      return place < 0 ? nullptr : c.at<T>(place) + first * offset;
    };
    Workspace<T> space(c.workspace);
    TimeStep<T> s{};
    s.call = &c;
    s.rows = rows;
    s.dropout = {at(p.dropout, width), width};
    for (int i = 0; i < states; ++i) {
      s.state[i] = space.take(rows, u);
      s.next[i] = space.take(rows, u);
      for (int64_t row = 0; row < rows; ++row)
        if (p.dfinal[i] >= 0)
          std::copy_n(at(p.dfinal[i], u) + row * u, u, s.state[i][row]);
        else
          std::fill_n(s.state[i][row], u, T(0));
    }
    // What masked steps owe to the output that they repeat.
    const RowsOf<T> carried = space.take(rows, u);
    for (int64_t row = 0; row < rows; ++row) std::fill_n(carried[row], u, T(0));
    s.scratch = space.rest();
    const Sequences<T> saved{at(p.saved, steps * r.cell.saved * u), steps, r.cell.saved * u};
    const Sequences<T> dy{at(p.dy, steps * u), steps, u};
    const Sequences<T> dprojected{at(p.dprojected, steps * width), steps, width};
    const Sequences<T> dproducts{at(p.dproducts, steps * width), steps, width};
    const BlockMask<T> mask(at(p.mask, steps), rows, steps);
    const KernelTable<T>& kernel = kernels<T>();
    for (int64_t number = steps; number-- > 0;) {
      const int64_t t = r.step_of(number);
      for (int64_t row = 0; row < rows; ++row) {
        const bool counts = mask.counts(row, t);
        T* to = counts ? s.state[0][row] : carried[row];
        if (counts || !r.zero_output) {
          if (dy.data != nullptr) add(kernel, to, dy.at(r.time_order ? t : number)[row], to, u);
          if (p.dlast >= 0 && number == steps - 1)
            add(kernel, to, static_cast<const T*>(at(p.dlast, u) + row * u), to, u);
        }
        if (counts && p.mask >= 0) {
          add(kernel, to, carried[row], to, u);
          std::fill_n(carried[row], u, T(0));
        }
      }
      s.saved = saved.at(t);
      s.dprojected = dprojected.at(t);
      s.dproducts = dproducts.at(t);
      for (int i = 0; i < states; ++i)
        s.before[i] = {at(p.before[i], steps * u) + t * u, steps * u};
      const bool any = mask.any(t);
      if (any) cell.backward(s);
      for (int64_t row = 0; row < rows; ++row) {
        if (mask.counts(row, t)) continue;
        std::fill_n(s.dprojected[row], width, T(0));
        if (dproducts.data != nullptr) std::fill_n(s.dproducts[row], width, T(0));
        for (int i = 0; any && i < states; ++i) std::copy_n(s.state[i][row], u, s.next[i][row]);
      }
      for (int i = 0; any && i < states; ++i) std::swap(s.state[i], s.next[i]);
    }
    for (int i = 0; i < states; ++i)
      for (int64_t row = 0; p.dinitial[i] >= 0 && row < rows; ++row)
        std::copy_n(s.state[i][row], u, at(p.dinitial[i], u) + row * u);
  };
  Step& step = l.tasks(l.def().name.c_str(), ceil_div(r.batch, block), operands.take(), r.work(),
                       [=](const Call& c) {
                         for (int64_t b = c.begin; b < c.end; ++b)
                           run(c, b * block, std::min(block, r.batch - b * block));
                       });
  step.in_place_from = p.saved;
  step.in_place_to = p.dprojected;
  step.workspace =
      (2 * r.cell.states + 1) * Workspace<T>::bytes(block, u) + cell.scratch_bytes(block);
}

// Lowering rules of an operator and its gradient.
template <template <typename> class Cell>
void lower_recurrent(Lowering& l, const CellSizes& sizes) {
  Recurrence r(sizes, l.attrs());
  r.set_shape(l.x_shape(0), l.x_shape(1));
  dispatch_float(l.dtype(),
                 [&](auto tag) { lower_walk<Cell, typename decltype(tag)::type>(l, r); });
}

template <template <typename> class Cell>
void lower_recurrent_grad(Lowering& l, const CellSizes& sizes, bool products) {
  Recurrence r(sizes, l.attrs());
  r.set_shape(l.x_shape(0), l.x_shape(1 + sizes.states));
  dispatch_float(l.dtype(), [&](auto tag) {
    lower_walk_grad<Cell, typename decltype(tag)::type>(l, r, products);
  });
}

}  // namespace pyframe
