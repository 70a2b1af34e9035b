// A graph lowered for fixed input shapes: kernel calls over a planned arena, ready to run.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "graph/gather.h"
#include "graph/team_size.h"
#include "ir/graph.h"
#include "ir/lowering.h"

namespace pyframe {

// A stretch of steps between two barriers. A row segment cuts `rows` in lanes; one task is one
// lane, which runs all steps on a chunk of rows at a time. In a column segment one task is one part
// of the columns, which runs all steps. A task segment is a set of independent steps, its tasks
// theirs put end to end.
struct Segment {
  Partition partition = Partition::kTasks;
  int64_t rows = 0, lane_rows = 0, chunk_rows = 0;  // row segments
  int64_t tasks = 0;
  std::vector<int> steps;
  std::vector<int64_t> first_task;  // of each step, task segments
  bool effects = false;             // some of them update variables
  bool prologue = false;   // depends on variables alone (packed weights); such segments come first
  size_t local_bytes = 0;  // chunk memory of one thread
};

struct RunResult {
  int64_t steps = 0;
  std::vector<double> sums, last;
};

// What one step of a plan took: core seconds, summed over threads.
struct StepTime {
  std::string name;
  Shape shape;   // of the result
  int64_t work;  // multiply-adds or elements
  double seconds;
};

// One user array: elements of a SourceType, rows of the expected shape.
struct InputArray {
  const void* data;
  SourceType type;
  int64_t rows;  // leading dimension (1 for scalars)
};

// What a plan is once it is made.
struct PlanData {
  std::vector<PlanTensor> tensors_;
  std::vector<Step> steps_;
  std::vector<Segment> segments_;
  std::vector<int64_t> offset_;  // arena offset of each tensor, -1: elsewhere
  std::vector<TensorSpec> input_specs_, output_specs_;
  std::vector<std::string> input_names_;
  std::vector<std::shared_ptr<Variable>> variables_;  // kept alive; indexed by tensor source
  std::vector<Constant> constants_;
  std::vector<int> updated_;             // variables that effects write
  size_t prologue_ = 0;                  // segments of the prologue
  std::vector<int> prologue_variables_;  // what it reads
  std::vector<int64_t> packed_offset_;   // of its results in their own memory, -1: elsewhere
  size_t packed_bytes_ = 0;
  std::vector<int64_t> staged_offset_;  // of what only the prologue itself reads
  size_t staged_bytes_ = 0;
  size_t arena_bytes_ = 0, local_bytes_ = 0, workspace_bytes_ = 0;
  int64_t work_ = 0, column_work_ = 0;  // all, and what can be cut in columns
  int64_t batch_ = 1;                   // rows of one step
  bool columns_ = false;                // products are cut in parts of their columns
  // Inputs and outputs that are cut in batches; others are the same in every step.
  std::vector<bool> batched_inputs_, batched_outputs_;
};

class Plan : private PlanData {
 public:
  // Throws Error naming the operator when shapes do not fit. changing: variables that count as new
  // in every run, although no effect changes them: what depends on them stays out of the prologue.
  // Computes activations again in the backward pass as far as the arena would exceed memory_limit
  // bytes. join_in_place: whether concatenations copy only what must be copied, or everything, with
  // the same results; by default they do what needs less memory.
  Plan(const Graph& graph, const std::vector<TensorId>& outputs,
       const std::vector<Shape>& input_shapes, const std::vector<TensorId>& changing = {},
       size_t memory_limit = SIZE_MAX, std::optional<bool> join_in_place = {});
  ~Plan();

  // Runs `steps` batches; see docs/engine.md. outputs[i] is null for a scalar output. spent: is set
  // to the core seconds of every step of the plan.
  RunResult run(const std::vector<InputArray>& inputs, const std::vector<void*>& outputs,
                const int64_t* index, int64_t index_size, int64_t start, int64_t steps,
                bool stop_if_not_finite, std::vector<double>* spent = nullptr);
  // Runs one batch `runs` times; every step's least time. What runs but once (packed weights) is
  // not counted.
  std::vector<StepTime> profile(const std::vector<InputArray>& inputs,
                                const std::vector<void*>& outputs, int64_t runs);

  const std::vector<TensorSpec>& input_specs() const { return input_specs_; }
  const std::vector<std::string>& input_names() const { return input_names_; }
  const std::vector<TensorSpec>& output_specs() const { return output_specs_; }
  bool is_batched_output(size_t i) const { return batched_outputs_[i]; }
  // Row behind the last one that `steps` steps from row `start` touch; throws Error on overflow.
  int64_t last_row(int64_t start, int64_t steps) const;
  size_t arena_bytes() const { return arena_bytes_; }
  size_t scratch_bytes() const { return local_bytes_ + workspace_bytes_; }
  int64_t work() const { return work_; }
  std::string describe() const;

 private:
  friend class PlanBuilder;
  friend class Scheduler;
  struct Frame;
  struct Running;

  // Also settles how many threads, at most *team, should run how many of *steps steps before this
  // is asked again.
  std::unique_ptr<Frame> acquire_frame(int* team, int64_t* steps);
  void release_frame(std::unique_ptr<Frame> frame, int threads, double seconds, int64_t steps);
  // Makes the frame see what the prologue computes from the variables' present values.
  void prepare(Frame& frame, int threads);
  void execute(Running& run, int threads);
  void run_thread(Running& run, int thread, int threads);
  void run_segment(size_t index, int64_t step, Running& run, Call& call, int thread, int threads,
                   double* spent) const;
  void finish_step(Running& run, int64_t step, bool last) const;
  // spent: by step, the thread's time in it is added; may be null.
  void run_task(const Segment& segment, int64_t task, Call& call, double* spent) const;
  void call_step(int index, Call& call, double* spent) const;

  std::mutex frames_mutex_;
  std::vector<std::unique_ptr<Frame>> frames_;
  TeamSize team_size_;
  bool parallel_ = false;  // enough work for more than one thread
  std::mutex packed_mutex_;
  std::shared_ptr<Buffer> packed_;  // the prologue's results, never changed once computed
  uint64_t packed_version_ = 0;     // sum of the variables' versions they belong to
};

}  // namespace pyframe
