// Orders the steps of a plan and groups them in segments.
//
// Row steps over the same number of rows are run together, chunk by chunk, as far as their
// dependencies allow: what one step writes the next finds in the cache, and no barrier is needed
// between them. Small task steps on which no row step waits (metrics, sums of small gradients) are
// put off until another task segment comes, so that they do not cut a row segment in two.
//
// Large tensors are kept for as short a time as possible: a task step that touches one runs as soon
// as it can (the gradient of a kernel, then its update, whose memory the next gradient gets), and a
// packed kernel, which needs nothing but a variable, is made just before it is wanted.
#include <algorithm>
#include <map>

#include "graph/builder.h"

namespace pyframe {
namespace {

// A tensor from this size on is worth a barrier.
constexpr int64_t kLarge = 256 * 1024;
// Packed kernels are made this far ahead, so that row steps with small kernels stay together.
constexpr int64_t kPackedAhead = 4 * 1024 * 1024;

// A step that touches (part of) a tensor.
struct User {
  int step;
  Place place;
};

// Of the tensors that share storage.
struct Users {
  std::vector<User> writers, readers;
  std::vector<int> effects;
};

}  // namespace

std::vector<std::vector<int>> PlanBuilder::dependencies() const {
  const std::vector<Step>& steps = plan_.steps_;
  std::map<TensorId, Users> users;
  for (size_t s = 0; s < steps.size(); ++s)
    for (const Operand& operand : steps[s].operands) {
      const Place place = place_of(plan_.tensors_, operand.tensor);
      const int step = static_cast<int>(s);
      Users& u = users[place.root];
      if (!steps[s].effect)
        (operand.access == Access::kRead ? u.readers : u.writers).push_back({step, place});
      else if (u.effects.empty() || u.effects.back() != step)
        u.effects.push_back(step);
    }
  std::vector<std::vector<int>> result(steps.size());
  const auto depend = [&](int step, int on) {
    if (on != step) result[static_cast<size_t>(step)].push_back(on);
  };
  const auto updates = [&](int effect, TensorId tensor) {
    for (const Operand& operand : steps[static_cast<size_t>(effect)].operands)
      if (root(operand.tensor) == tensor && operand.access != Access::kRead) return true;
    return false;
  };
  for (const auto& [tensor, u] : users) {
    for (const User& reader : u.readers)
      for (const User& writer : u.writers) {
        if (!reader.place.overlaps(writer.place)) continue;
        if (writer.place.version <= reader.place.version)
          depend(reader.step, writer.step);
        else
          depend(writer.step, reader.step);
      }
    for (size_t e = 0; e < u.effects.size(); ++e) {
      const int effect = u.effects[e];
      for (const User& writer : u.writers) depend(effect, writer.step);
      const bool update = updates(effect, tensor);
      for (const User& reader : u.readers)
        if (update) depend(effect, reader.step);
      // Effects on one variable keep their order.
      for (size_t before = 0; before < e; ++before)
        if (update || updates(u.effects[before], tensor)) depend(effect, u.effects[before]);
    }
  }
  // A run that finds the loss not finite leaves all effects out.
  if (loss_step_ >= 0)
    for (size_t s = 0; s < steps.size(); ++s)
      if (steps[s].effect) depend(static_cast<int>(s), loss_step_);
  for (std::vector<int>& list : result) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
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
      for (TensorId id : {operand.tensor, tensor})  // an input may be a view
        fixed = fixed && plan_.tensors_[static_cast<size_t>(id)].kind != TensorKind::kInput;
      fixed = fixed && !changing[static_cast<size_t>(tensor)];
    }
    for (int d : depends[s]) fixed = fixed && constant[static_cast<size_t>(d)];
    constant[s] = writes && fixed;
  }
  return constant;
}

// The state of scheduling.
class Scheduler {
 public:
  Scheduler(Plan& plan, std::vector<std::vector<int>> depends, std::vector<bool> constant,
            std::vector<TensorId> roots)
      : plan_(plan),
        steps_(plan.steps_),
        depends_(std::move(depends)),
        constant_(std::move(constant)),
        roots_(std::move(roots)),
        state_(steps_.size(), kWaiting),
        constants_left_(std::count(constant_.begin(), constant_.end(), true)) {
    classify();
  }

  void run() {
    const Lowering lanes_of(plan_.tensors_, plan_.steps_, plan_.work_, 1, plan_.columns_);
    for (size_t left = steps_.size(); left > 0;) {
      Segment segment;
      const std::vector<int> packs = wanted_packs(true);
      const int column_start = first_ready(Partition::kColumns);
      const int row_start = first_ready(Partition::kRows);
      const bool urgent = !packs.empty() || has_urgent_task();
      if (column_start >= 0 && !urgent)
        fill_columns(segment, column_start);
      else if (row_start >= 0 && !urgent)
        fill_rows(segment, row_start, lanes_of);
      else
        fill_tasks(segment, packs);
      check(!segment.steps.empty(), "internal error: the steps of a plan wait for each other");
      left -= segment.steps.size();
      finish(std::move(segment));
    }
  }

 private:
  enum State : char { kWaiting, kCurrent, kDone };

  const Step& step(int s) const { return steps_[static_cast<size_t>(s)]; }
  State& state(int s) { return state_[static_cast<size_t>(s)]; }
  bool is_row(int s) const { return step(s).partition == Partition::kRows; }
  bool is_task(int s) const { return step(s).partition == Partition::kTasks; }
  int count() const { return static_cast<int>(steps_.size()); }

  int64_t bytes(const Operand& operand) const {
    const PlanTensor& t = plan_.tensors_[static_cast<size_t>(operand.tensor)];
    return element_count(t.spec.shape) * static_cast<int64_t>(dtype_size(t.spec.dtype)) * t.copies;
  }

  int64_t bytes_written(int s) const {
    int64_t total = 0;
    for (const Operand& operand : step(s).operands)
      if (operand.access == Access::kWrite) total += bytes(operand);
    return total;
  }

  bool is_large(int s) const {
    for (const Operand& operand : step(s).operands) {
      const TensorKind kind = plan_.tensors_[static_cast<size_t>(root(operand.tensor))].kind;
      if (kind != TensorKind::kVariable && kind != TensorKind::kConstant &&
          bytes(operand) >= kLarge)
        return true;
    }
    return false;
  }

  TensorId root(TensorId id) const { return roots_[static_cast<size_t>(id)]; }

  void classify() {
    feeds_rows_.assign(steps_.size(), false);
    large_.assign(steps_.size(), false);
    pack_.assign(steps_.size(), false);
    // Steps are in topological order but for effects, which come last and feed no rows.
    for (int s = count() - 1; s >= 0; --s)
      for (int d : depends_[static_cast<size_t>(s)])
        if (is_row(s) || feeds_rows_[static_cast<size_t>(s)])
          feeds_rows_[static_cast<size_t>(d)] = true;
    for (int s = 0; s < count(); ++s) {
      const auto at = static_cast<size_t>(s);
      large_[at] = is_task(s) && is_large(s);
      pack_[at] = large_[at] && !constant_[at] && !step(s).effect && depends_[at].empty();
    }
  }

  bool ready(int s) {
    if (state(s) != kWaiting) return false;
    if (!constant_[static_cast<size_t>(s)] && constants_left_ > 0) return false;
    for (int d : depends_[static_cast<size_t>(s)])
      if (state(d) != kDone) return false;
    return true;
  }

  int first_ready(Partition partition) {
    for (int s = first_left_; s < count(); ++s)
      if (step(s).partition == partition && ready(s)) return s;
    return -1;
  }

  // A task that row steps wait for, or that frees large tensors.
  bool has_urgent_task() {
    for (int s = first_left_; s < count(); ++s)
      if (is_task(s) && !pack_[static_cast<size_t>(s)] &&
          (feeds_rows_[static_cast<size_t>(s)] || large_[static_cast<size_t>(s)]) && ready(s))
        return true;
    return false;
  }

  // The packed kernels that are missing for what could run next if the current segment were done:
  // row steps up to the next barrier and the tasks behind them, in order, as far as memory ahead
  // reaches; at least one if `any`.
  std::vector<int> wanted_packs(bool any) {
    std::vector<int> packs;
    if (constants_left_ > 0) return packs;
    int64_t total = 0;
    std::vector<bool> reached(steps_.size(), false);
    for (int s = first_left_; s < count(); ++s) {
      const auto at = static_cast<size_t>(s);
      if (state(s) != kWaiting || pack_[at] || (!is_row(s) && !feeds_rows_[at] && !large_[at]))
        continue;
      bool open = true;
      for (int d : depends_[at])
        open = open && (state(d) != kWaiting || reached[static_cast<size_t>(d)] ||
                        pack_[static_cast<size_t>(d)]);
      if (!open) continue;
      for (int d : depends_[at]) {
        if (!pack_[static_cast<size_t>(d)] || state(d) != kWaiting ||
            reached[static_cast<size_t>(d)])
          continue;
        total += bytes_written(d);
        if (total > kPackedAhead && !(any && packs.empty())) return packs;
        reached[static_cast<size_t>(d)] = true;
        packs.push_back(d);
      }
      reached[at] = is_row(s);
    }
    return packs;
  }

  // May s follow the steps of the current row or column segment without a barrier?
  bool can_join(int s) {
    if (state(s) != kWaiting) return false;
    if (constant_[static_cast<size_t>(s)] != (constants_left_ > 0)) return false;
    for (int d : depends_[static_cast<size_t>(s)]) {
      if (state(d) == kDone) continue;
      if (state(d) == kWaiting) return false;
      bool shared = false;
      for (const Operand& from : step(d).operands)
        for (const Operand& to : step(s).operands) {
          if (root(from.tensor) != root(to.tensor) ||
              (from.access == Access::kRead && to.access == Access::kRead))
            continue;
          shared = true;
          if (from.part != to.part || (to.part != Part::kRows && to.part != Part::kColumns))
            return false;
        }
      if (!shared) return false;  // an effect that waits for the loss
    }
    return true;
  }

  void take(Segment& segment, int s) {
    state(s) = kCurrent;
    segment.steps.push_back(s);
  }

  void fill_rows(Segment& segment, int start, const Lowering& lanes_of) {
    segment.partition = Partition::kRows;
    segment.rows = step(start).extent;
    for (int s = start; s < count(); ++s)
      if (is_row(s) && step(s).extent == segment.rows && can_join(s)) take(segment, s);
    const int64_t lanes = std::max<int64_t>(1, lanes_of.lanes(segment.rows));
    segment.lane_rows = ceil_div(segment.rows, lanes);
    segment.tasks = segment.rows == 0 ? 0 : ceil_div(segment.rows, segment.lane_rows);
  }

  // Small tasks that are ready come along.
  void fill_columns(Segment& segment, int start) {
    segment.partition = Partition::kColumns;
    segment.tasks = kColumnParts;
    std::vector<int> tasks;
    for (int s = first_left_; s < count(); ++s)
      if (is_task(s) && step(s).extent == 1 && !pack_[static_cast<size_t>(s)] && ready(s))
        tasks.push_back(s);
    for (int s = start; s < count(); ++s)
      if (step(s).partition == Partition::kColumns && can_join(s)) take(segment, s);
    for (int s : tasks) take(segment, s);
  }

  // A barrier comes anyway: all tasks that are ready, the packs, and those for what comes next.
  void fill_tasks(Segment& segment, const std::vector<int>& packs) {
    for (int s : packs) take(segment, s);
    for (int s = first_left_; s < count(); ++s)
      if (is_task(s) && !pack_[static_cast<size_t>(s)] && ready(s)) take(segment, s);
    for (int s : wanted_packs(false)) take(segment, s);
    for (int s : segment.steps) {
      segment.first_task.push_back(segment.tasks);
      segment.tasks += step(s).extent;
    }
  }

  void finish(Segment segment) {
    for (int s : segment.steps) {
      state(s) = kDone;
      if (constant_[static_cast<size_t>(s)]) --constants_left_;
      segment.effects = segment.effects || step(s).effect;
    }
    while (first_left_ < count() && state(first_left_) == kDone) ++first_left_;
    segment.prologue = constant_[static_cast<size_t>(segment.steps[0])];
    if (segment.prologue) ++plan_.prologue_;
    plan_.segments_.push_back(std::move(segment));
  }

  Plan& plan_;
  const std::vector<Step>& steps_;
  const std::vector<std::vector<int>> depends_;
  const std::vector<bool> constant_;
  const std::vector<TensorId> roots_;
  std::vector<State> state_;
  int64_t constants_left_;
  int first_left_ = 0;            // all steps before are done
  std::vector<bool> feeds_rows_;  // a row step waits for it
  std::vector<bool> large_;       // tasks that touch large tensors
  std::vector<bool> pack_;        // large tasks that can run at any time
};

void PlanBuilder::schedule() {
  std::vector<std::vector<int>> depends = dependencies();
  constant_ = constant_steps(depends);
  std::vector<TensorId> roots;
  for (size_t i = 0; i < plan_.tensors_.size(); ++i)
    roots.push_back(root(static_cast<TensorId>(i)));
  Scheduler(plan_, std::move(depends), constant_, std::move(roots)).run();
}

}  // namespace pyframe
