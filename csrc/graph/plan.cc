#include "graph/plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "common/parallel.h"
#include "graph/builder.h"

namespace pyframe {
namespace {

// Plans with less work than this (multiply-adds or elements a step) run on the calling thread: some
// 20 us, in which a second core is hardly awake. Less will do in tasks that threads can share
// between few barriers, such as one product: each barrier costs as much as kBarrierWork, the start
// twice.
constexpr int64_t kParallelWork = 2500000;
constexpr int64_t kBarrierWork = 500000;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// Tasks of one segment that belong to one thread, counted over all steps of the run: those of step
// s are the tickets [s * size, (s + 1) * size). Others help themselves when they are done with
// their own, and nobody waits for a thread as such, only for tasks: a thread whose core was taken
// away holds up the one task it is in.
struct alignas(64) Cursor {
  std::atomic<int64_t> next{0};
};

struct alignas(64) Progress {
  std::atomic<int64_t> done{0};  // tasks of one segment, over all steps
};

}  // namespace

// Memory of one run. A plan keeps the frames of past runs and makes a new one only when more
// runs overlap than ever before.
struct Plan::Frame {
  Buffer arena;
  std::shared_ptr<Buffer> packed;
  std::vector<char*> base;
  std::vector<Buffer> scratch;  // by thread: chunk memory, then workspace
  std::vector<double> scalars;
  std::vector<Cursor> cursors;     // [segment][thread]
  std::vector<Progress> progress;  // by segment; the last one counts finished steps
  int threads = 0;
};

struct Plan::Running {
  Plan* plan;
  Frame* frame;
  const Binding* binding;
  RunResult* result;
  int64_t start, batch;
  bool stop_if_not_finite;
  size_t first_segment, last_segment;
  std::atomic<int64_t> last_step;       // steps to run; lowered to stop early
  std::atomic<bool> not_finite{false};  // output 0 of the last step, if anyone wants to know
  // [thread][step] core seconds, if anyone wants to know
  std::vector<std::vector<double>> spent{};
};

Plan::Plan(const Graph& graph, const std::vector<TensorId>& outputs,
           const std::vector<Shape>& input_shapes, const std::vector<TensorId>& changing,
           size_t memory_limit, std::optional<bool> join_in_place) {
  // What is computed again does not count as work: that decides how sums are cut.
  int64_t work = -1, column_work = -1;
  bool join = join_in_place.value_or(false);
  const auto build = [&](int level) {
    static_cast<PlanData&>(*this) = PlanData();
    PlanBuilder(*this, graph, outputs, input_shapes, changing, level, work, column_work, join)
        .build();
    work = work_;
    column_work = column_work_;
    return arena_bytes_;
  };
  build(0);
  // A result with inputs in it lives longer than the inputs alone would: that may need more memory
  // than the copies take.
  bool has_joins = false;
  for (const Node& node : graph.nodes()) has_joins = has_joins || node.def->joins;
  if (!join_in_place.has_value() && has_joins) {
    const size_t copying = arena_bytes_ + local_bytes_;
    join = true;
    build(0);
    join = arena_bytes_ + local_bytes_ <= copying;
    if (!join) build(0);
  }
  // The lowest level that fits, or the one that needs least.
  size_t least = arena_bytes_;
  int best = 0, level = 0;
  while (arena_bytes_ > memory_limit && graph.has_backward() && level + 1 < kRecomputeLevels) {
    if (build(++level) >= least) continue;
    least = arena_bytes_;
    best = level;
  }
  if (level != best && arena_bytes_ > memory_limit) build(best);
  int64_t shared = -2 * kBarrierWork;
  for (size_t g = prologue_; g < segments_.size(); ++g) {
    shared -= kBarrierWork;
    for (int s : segments_[g].steps)
      if (segments_[g].tasks > 1) shared += steps_[static_cast<size_t>(s)].work;
  }
  parallel_ = work_ >= kParallelWork || shared >= 0 || columns_;
}

Plan::~Plan() = default;

std::unique_ptr<Plan::Frame> Plan::acquire_frame(int* team, int64_t* steps) {
  std::unique_ptr<Frame> frame;
  {
    std::lock_guard<std::mutex> lock(frames_mutex_);
    *team = team_size_.choose(*team);
    *steps = team_size_.until_next(*steps);
    if (!frames_.empty()) {
      frame = std::move(frames_.back());
      frames_.pop_back();
    }
  }
  const int threads = *team;
  if (frame == nullptr) {
    frame = std::make_unique<Frame>();
    frame->arena = Buffer(arena_bytes_);
    frame->base.assign(tensors_.size(), nullptr);
    for (size_t i = 0; i < tensors_.size(); ++i) {
      if (offset_[i] >= 0)
        frame->base[i] = frame->arena.data() + offset_[i];
      else if (tensors_[i].kind == TensorKind::kVariable)
        frame->base[i] = variables_[static_cast<size_t>(tensors_[i].source)]->data();
      else if (tensors_[i].kind == TensorKind::kConstant)
        frame->base[i] = constants_[static_cast<size_t>(tensors_[i].source)].data->data();
    }
    frame->scalars.assign(output_specs_.size(), 0.0);
  }
  if (frame->threads < threads) {
    while (static_cast<int>(frame->scratch.size()) < threads)
      frame->scratch.emplace_back(
          static_cast<size_t>(round_up(static_cast<int64_t>(local_bytes_), 64)) + Buffer::kSlack +
          workspace_bytes_);
    frame->cursors = std::vector<Cursor>(segments_.size() * static_cast<size_t>(threads));
    frame->progress = std::vector<Progress>(segments_.size() + 1);
    frame->threads = threads;
  }
  return frame;
}

void Plan::release_frame(std::unique_ptr<Frame> frame, int threads, double seconds, int64_t steps) {
  std::lock_guard<std::mutex> lock(frames_mutex_);
  if (parallel_ && steps > 0)
    team_size_.record(threads, seconds, seconds / static_cast<double>(steps));
  frames_.push_back(std::move(frame));
}

void Plan::call_step(int index, Call& call, double* spent) const {
  const Step& step = steps_[static_cast<size_t>(index)];
  call.operands = step.operands.data();
  if (spent == nullptr) return step.kernel->run(call);
  const auto begin = Clock::now();
  step.kernel->run(call);
  spent[index] += seconds_since(begin);
}

void Plan::run_task(const Segment& segment, int64_t task, Call& call, double* spent) const {
  if (segment.partition == Partition::kRows) {
    const int64_t first = task * segment.lane_rows;
    const int64_t last = std::min(segment.rows, first + segment.lane_rows);
    call.lane = task;
    for (int64_t row = first; row < last; row += segment.chunk_rows) {
      call.begin = row;
      call.end = std::min(last, row + segment.chunk_rows);
      call.first_in_lane = row == first;
      for (int s : segment.steps) call_step(s, call, spent);
    }
    return;
  }
  // The loss is known before the first effect, see dependencies().
  const bool no_effects =
      call.not_finite != nullptr && call.not_finite->load(std::memory_order_relaxed);
  if (segment.partition == Partition::kColumns) {
    call.lane = task;
    call.first_in_lane = true;
    for (int s : segment.steps) {
      const Step& step = steps_[static_cast<size_t>(s)];
      if (step.effect && no_effects) continue;
      // Small tasks run with part 0, the smaller one.
      if (step.partition == Partition::kTasks && task > 0) continue;
      call.begin = step.partition == Partition::kTasks ? 0 : task;
      call.end = call.begin + 1;
      call_step(s, call, spent);
    }
    return;
  }
  size_t i = segment.steps.size() - 1;
  while (segment.first_task[i] > task) --i;
  if (steps_[static_cast<size_t>(segment.steps[i])].effect && no_effects) return;
  // The operands tell steps apart: nobody else ran on this thread since.
  const Step& step = steps_[static_cast<size_t>(segment.steps[i])];
  call.previous = call.operands == step.operands.data() ? call.begin : -1;
  call.begin = task - segment.first_task[i];
  call.end = call.begin + 1;
  call.lane = 0;
  call.first_in_lane = true;
  call_step(segment.steps[i], call, spent);
}

void Plan::run_segment(size_t index, int64_t step, Running& run, Call& call, int thread,
                       int threads, double* spent) const {
  const Segment& segment = segments_[index];
  call.operands = nullptr;
  call.previous = -1;
  if (threads == 1) {
    for (int64_t t = 0; t < segment.tasks; ++t) run_task(segment, t, call, spent);
    return;
  }
  Cursor* cursors = &run.frame->cursors[index * static_cast<size_t>(threads)];
  std::atomic<int64_t>& done = run.frame->progress[index].done;
  const auto all_done = [&] {
    return done.load(std::memory_order_acquire) >= (step + 1) * segment.tasks;
  };
  for (int i = 0; i < threads; ++i) {
    const int owner = (thread + i) % threads;
    // Parts of the columns are at home with their threads, and of equal size.
    constexpr int kPatience = 200;
    const bool wait = i == 1 && segment.partition == Partition::kColumns;
    for (int spins = 0; wait && spins < kPatience; ++spins) {
      if (all_done()) return;
      wait_pause(spins);
    }
    const int64_t begin = segment.tasks * owner / threads;
    const int64_t size = segment.tasks * (owner + 1) / threads - begin;
    const int64_t limit = (step + 1) * size;
    int64_t ticket = cursors[owner].next.load(std::memory_order_relaxed);
    while (ticket < limit) {
      if (!cursors[owner].next.compare_exchange_weak(ticket, ticket + 1, std::memory_order_relaxed))
        continue;
      run_task(segment, begin + ticket - step * size, call, spent);
      done.fetch_add(1, std::memory_order_release);
      ticket = cursors[owner].next.load(std::memory_order_relaxed);
    }
  }
  wait_until(all_done);
}

void Plan::finish_step(Running& run, int64_t step, bool last) const {
  RunResult& result = *run.result;
  ++result.steps;
  for (size_t i = 0; i < run.frame->scalars.size(); ++i) {
    result.sums[i] += run.frame->scalars[i];
    result.last[i] = run.frame->scalars[i];
  }
  if (last) run.last_step.store(step + 1, std::memory_order_relaxed);
}

void Plan::run_thread(Running& run, int thread, int threads) {
  Frame& frame = *run.frame;
  Call call{};
  call.base = frame.base.data();
  call.local = frame.scratch[static_cast<size_t>(thread)].data();
  call.workspace = call.local + round_up(static_cast<int64_t>(local_bytes_), 64) + Buffer::kSlack;
  call.binding = run.binding;
  call.scalars = frame.scalars.data();
  call.not_finite = run.stop_if_not_finite ? &run.not_finite : nullptr;
  double* spent = run.spent.empty() ? nullptr : run.spent[static_cast<size_t>(thread)].data();
  std::atomic<int64_t>& finished = frame.progress.back().done;
  for (int64_t step = 0; step < run.last_step.load(std::memory_order_relaxed); ++step) {
    call.first_row = run.start + step * run.batch;
    for (size_t g = run.first_segment; g < run.last_segment; ++g) {
      run_segment(g, step, run, call, thread, threads, spent);
    }
    // Thread 0 closes the step: it alone reads the scalars, and only then may the next begin.
    if (thread == 0) {
      finish_step(run, step, run.not_finite.load(std::memory_order_relaxed));
      finished.store(step + 1, std::memory_order_release);
    } else {
      wait_until([&] { return finished.load(std::memory_order_acquire) > step; });
    }
  }
}

void Plan::execute(Running& run, int threads) {
  for (Cursor& cursor : run.frame->cursors) cursor.next.store(0, std::memory_order_relaxed);
  for (Progress& progress : run.frame->progress) progress.done.store(0, std::memory_order_relaxed);
  parallel_run(
      threads,
      [](void* context, int thread, int team) {
        auto* running = static_cast<Running*>(context);
        running->plan->run_thread(*running, thread, team);
      },
      &run);
}

void Plan::prepare(Frame& frame, int threads) {
  uint64_t version = 0;  // versions only grow, so no two states have the same sum
  for (int v : prologue_variables_) version += variables_[static_cast<size_t>(v)]->version();
  std::lock_guard<std::mutex> lock(packed_mutex_);
  const bool stale = packed_ == nullptr || packed_version_ != version;
  // New memory rather than new contents: other threads may be reading the old.
  if (stale) packed_ = std::make_shared<Buffer>(packed_bytes_);
  if (frame.packed != packed_) {
    frame.packed = packed_;
    for (size_t i = 0; i < tensors_.size(); ++i)
      if (packed_offset_[i] >= 0) frame.base[i] = packed_->data() + packed_offset_[i];
  }
  if (!stale) return;
  const Buffer staged(staged_bytes_);
  for (size_t i = 0; i < tensors_.size(); ++i)
    if (staged_offset_[i] >= 0) frame.base[i] = staged.data() + staged_offset_[i];
  const Binding none;
  RunResult ignored;
  ignored.sums.assign(frame.scalars.size(), 0.0);
  ignored.last = ignored.sums;
  Running running{this, &frame, &none, &ignored, 0, 1, false, 0, prologue_, {1}};
  execute(running, threads);
  packed_version_ = version;
}

int64_t Plan::last_row(int64_t start, int64_t steps) const {
  int64_t end = 0;
  check(start >= 0 && steps >= 0 && !__builtin_mul_overflow(steps, batch_, &end) &&
            !__builtin_add_overflow(end, start, &end),
        "start and steps must not be negative or beyond all bounds. Received: ", start, " and ",
        steps);
  check(steps <= 1 || batch_ > 0, "a plan for batches of no rows runs one step at a time");
  return end;
}

RunResult Plan::run(const std::vector<InputArray>& inputs, const std::vector<void*>& outputs,
                    const int64_t* index, int64_t index_size, int64_t start, int64_t steps,
                    bool stop_if_not_finite, std::vector<double>* spent) {
  check(inputs.size() == input_specs_.size() && outputs.size() == output_specs_.size(),
        "the plan takes ", input_specs_.size(), " inputs and ", output_specs_.size(),
        " outputs. Received: ", inputs.size(), " and ", outputs.size());
  const int64_t end = last_row(start, steps);
  check(index == nullptr || end <= index_size, "rows up to ", end,
        " are wanted, but the index has only ", index_size);
  Binding binding;
  // A copy, because what was checked must not change while it is used.
  std::vector<int64_t> rows;
  if (index != nullptr) rows.assign(index + start, index + end);
  binding.index = index == nullptr ? nullptr : rows.data();
  binding.index_base = start;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Shape& shape = input_specs_[i].shape;
    if (batched_inputs_[i] && index != nullptr) {
      for (size_t r = 0; r < rows.size(); ++r)
        check(rows[r] >= 0 && rows[r] < inputs[i].rows, "index[", start + static_cast<int64_t>(r),
              "] = ", rows[r], " is out of range for input '", input_names_[i], "' with ",
              inputs[i].rows, " rows");
    } else {
      const int64_t wanted = shape.empty() ? 1 : batched_inputs_[i] ? end : shape[0];
      check(inputs[i].rows >= wanted, "input '", input_names_[i], "' has only ", inputs[i].rows,
            " rows, ", wanted, " are wanted");
    }
    binding.inputs.push_back(
        {static_cast<const char*>(inputs[i].data), static_cast<int>(inputs[i].type)});
  }
  for (void* output : outputs) binding.outputs.push_back(static_cast<char*>(output));

  // A plan with effects changes its variables, so one run at a time, of all plans that do.
  struct Exclusive {
    std::vector<Variable*> held;
    ~Exclusive() {
      for (Variable* variable : held) variable->release();
    }
  } exclusive;
  exclusive.held.reserve(updated_.size());
  for (int v : updated_) {
    Variable* variable = variables_[static_cast<size_t>(v)].get();
    if (!variable->acquire())
      throw StateError(
          "this model is being trained by another thread. Train from one thread at a time");
    exclusive.held.push_back(variable);
  }

  RunResult result;
  result.sums.assign(outputs.size(), 0.0);
  result.last.assign(outputs.size(), 0.0);
  if (spent != nullptr) spent->assign(steps_.size(), 0.0);
  for (int64_t done = 0; done < steps;) {
    int threads = parallel_ ? num_threads() : 1;
    int64_t count = steps - done;
    std::unique_ptr<Frame> frame = acquire_frame(&threads, &count);
    if (prologue_ > 0) prepare(*frame, threads);
    Running running{this,
                    frame.get(),
                    &binding,
                    &result,
                    start + done * batch_,
                    batch_,
                    stop_if_not_finite && !outputs.empty() && output_specs_[0].shape.empty(),
                    prologue_,
                    segments_.size(),
                    {count}};
    if (spent != nullptr)
      running.spent.assign(static_cast<size_t>(threads), std::vector<double>(steps_.size(), 0.0));
    const auto begin = Clock::now();
    execute(running, threads);
    release_frame(std::move(frame), threads, seconds_since(begin), result.steps - done);
    for (const std::vector<double>& thread : running.spent)
      for (size_t s = 0; s < thread.size(); ++s) (*spent)[s] += thread[s];
    if (running.not_finite.load(std::memory_order_relaxed)) break;
    done += count;
  }
  for (int variable : updated_) variables_[static_cast<size_t>(variable)]->touch();
  return result;
}

}  // namespace pyframe
