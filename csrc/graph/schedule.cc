// Orders the steps of a plan and groups them in segments.
//
// Row steps over the same number of rows are run together, chunk by chunk, as far as their
// dependencies allow: what one step writes the next finds in the cache, and no barrier is needed
// between them. Task steps on which no row step waits (weight gradients, updates, metrics) are put
// off until the rows are done, so that they do not cut a row segment in two.
#include <algorithm>
#include <map>

#include "graph/builder.h"

namespace pyframe {
namespace {

struct Users {
  std::vector<int> writers, readers, effects;
};

}  // namespace

std::vector<std::vector<int>> PlanBuilder::dependencies() const {
  const std::vector<Step>& steps = plan_.steps_;
  std::map<TensorId, Users> users;
  for (size_t s = 0; s < steps.size(); ++s)
    for (const Operand& operand : steps[s].operands) {
      Users& u = users[root(operand.tensor)];
      std::vector<int>& list = steps[s].effect                   ? u.effects
                               : operand.access == Access::kRead ? u.readers
                                                                 : u.writers;
      if (list.empty() || list.back() != static_cast<int>(s)) list.push_back(static_cast<int>(s));
    }
  std::vector<std::vector<int>> result(steps.size());
  const auto depend = [&](int step, const std::vector<int>& on) {
    for (int other : on)
      if (other != step) result[static_cast<size_t>(step)].push_back(other);
  };
  for (const auto& [tensor, u] : users) {
    for (int reader : u.readers) depend(reader, u.writers);
    for (size_t e = 0; e < u.effects.size(); ++e) {
      const int effect = u.effects[e];
      depend(effect, u.writers);
      bool updates = false;
      for (const Operand& operand : steps[static_cast<size_t>(effect)].operands)
        updates = updates || (root(operand.tensor) == tensor && operand.access != Access::kRead);
      if (updates) depend(effect, u.readers);
      // Effects on one variable keep their order; two that only read it need none, but such
      // pairs are rare and short.
      depend(effect,
             std::vector<int>(u.effects.begin(), u.effects.begin() + static_cast<int64_t>(e)));
    }
  }
  return result;
}

std::vector<bool> PlanBuilder::constant_steps(const std::vector<std::vector<int>>& depends) const {
  std::vector<bool> changing(plan_.tensors_.size(), false);
  for (TensorId id : changing_) changing[static_cast<size_t>(root(id))] = true;
  for (const Step& step : plan_.steps_)
    for (const Operand& operand : step.operands)
      if (operand.access == Access::kUpdate)
        changing[static_cast<size_t>(root(operand.tensor))] = true;
  std::vector<bool> constant(plan_.steps_.size(), false);
  for (size_t s = 0; s < constant.size(); ++s) {
    bool writes = false, fixed = !plan_.steps_[s].effect;
    for (const Operand& operand : plan_.steps_[s].operands) {
      const TensorId tensor = root(operand.tensor);
      writes = writes || operand.access != Access::kRead;
      fixed = fixed && !changing[static_cast<size_t>(tensor)] &&
              plan_.tensors_[static_cast<size_t>(tensor)].kind != TensorKind::kInput;
    }
    for (int d : depends[s]) fixed = fixed && constant[static_cast<size_t>(d)];
    constant[s] = writes && fixed;
  }
  return constant;
}

void PlanBuilder::schedule() {
  std::vector<Step>& steps = plan_.steps_;
  const auto count = static_cast<int>(steps.size());
  const std::vector<std::vector<int>> depends = dependencies();
  constant_ = constant_steps(depends);
  auto constants_left = std::count(constant_.begin(), constant_.end(), true);
  std::vector<bool> feeds_rows(steps.size(), false);
  // Steps are in topological order but for effects, which come last and feed no rows.
  for (int s = count - 1; s >= 0; --s)
    for (int d : depends[static_cast<size_t>(s)])
      if (steps[static_cast<size_t>(s)].partition == Partition::kRows ||
          feeds_rows[static_cast<size_t>(s)])
        feeds_rows[static_cast<size_t>(d)] = true;

  enum State : char { kWaiting, kCurrent, kDone };
  std::vector<State> state(steps.size(), kWaiting);
  // Effects come last of all: a run that finds the loss not finite leaves before them.
  auto before_effects =
      std::count_if(steps.begin(), steps.end(), [](const Step& s) { return !s.effect; });
  const auto ready = [&](int s) {
    if (state[static_cast<size_t>(s)] != kWaiting) return false;
    if (steps[static_cast<size_t>(s)].effect && before_effects > 0) return false;
    if (!constant_[static_cast<size_t>(s)] && constants_left > 0) return false;
    for (int d : depends[static_cast<size_t>(s)])
      if (state[static_cast<size_t>(d)] != kDone) return false;
    return true;
  };
  // May s follow the steps of the current row segment without a barrier?
  const auto can_join = [&](int s) {
    if (state[static_cast<size_t>(s)] != kWaiting) return false;
    if (constant_[static_cast<size_t>(s)] != (constants_left > 0)) return false;
    const Step& step = steps[static_cast<size_t>(s)];
    for (int d : depends[static_cast<size_t>(s)]) {
      if (state[static_cast<size_t>(d)] == kDone) continue;
      if (state[static_cast<size_t>(d)] == kWaiting) return false;
      for (const Operand& from : steps[static_cast<size_t>(d)].operands)
        for (const Operand& to : step.operands)
          if (root(from.tensor) == root(to.tensor) && from.access != Access::kRead &&
              (from.part != Part::kRows || to.part != Part::kRows))
            return false;
    }
    return true;
  };
  const auto finish = [&](Segment segment) {
    for (int s : segment.steps) {
      state[static_cast<size_t>(s)] = kDone;

      if (!steps[static_cast<size_t>(s)].effect) --before_effects;
      if (constant_[static_cast<size_t>(s)]) --constants_left;
    }
    segment.prologue = constant_[static_cast<size_t>(segment.steps[0])];
    if (segment.prologue) ++plan_.prologue_;
    segment.effects = steps[static_cast<size_t>(segment.steps[0])].effect;
    plan_.segments_.push_back(std::move(segment));
  };

  const Lowering lanes_of(plan_.tensors_, plan_.steps_, plan_.work_, 1);
  int left = count;
  while (left > 0) {
    Segment segment;
    int row_start = -1;
    bool urgent = false;
    for (int s = 0; s < count; ++s) {
      if (!ready(s)) continue;
      if (steps[static_cast<size_t>(s)].partition == Partition::kRows) {
        if (row_start < 0) row_start = s;
      } else {
        urgent = urgent || feeds_rows[static_cast<size_t>(s)];
      }
    }
    if (row_start >= 0 && !urgent) {
      segment.partition = Partition::kRows;
      segment.rows = steps[static_cast<size_t>(row_start)].extent;
      for (int s = row_start; s < count; ++s) {
        const Step& step = steps[static_cast<size_t>(s)];
        if (step.partition != Partition::kRows || step.extent != segment.rows || !can_join(s))
          continue;
        state[static_cast<size_t>(s)] = kCurrent;
        segment.steps.push_back(s);
      }
      const int64_t lanes = std::max<int64_t>(1, lanes_of.lanes(segment.rows));
      segment.lane_rows = ceil_div(segment.rows, lanes);
      segment.tasks = segment.rows == 0 ? 0 : ceil_div(segment.rows, segment.lane_rows);
    } else {
      for (int s = 0; s < count; ++s) {
        const Step& step = steps[static_cast<size_t>(s)];
        if (step.partition != Partition::kTasks || !ready(s)) continue;
        if (urgent && !feeds_rows[static_cast<size_t>(s)]) continue;
        segment.first_task.push_back(segment.tasks);
        segment.tasks += step.extent;
        segment.steps.push_back(s);
      }
    }
    check(!segment.steps.empty(), "internal error: the steps of a plan wait for each other");
    left -= static_cast<int>(segment.steps.size());
    finish(std::move(segment));
  }
}

}  // namespace pyframe
