// How operators become kernel calls: the steps of a plan, and what a lowering rule may ask for.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ir/op.h"
#include "isa/kernel_table.h"

namespace pyframe {

// How a step's work is divided. Row steps compute output row i from input row i alone; the plan
// runs several of them, one after the other, on the same few rows while these are in the cache.
// Column steps have kColumnParts tasks, one for each part of the columns (see column_part): several
// of them run one after the other on the same part.
enum class Partition { kRows, kTasks, kColumns };

enum class Access { kRead, kWrite, kUpdate };

// What part of a tensor one call sees: all of it, the rows of the call, the private copy of
// its lane (see Lowering::lane_temp), or its columns (of a kernel or bias: its part of axis 0), for
// which the address is that of all.
enum class Part { kWhole, kRows, kLane, kColumns };

struct Operand {
  TensorId tensor;
  Access access;
  Part part;
  // Address: base[tensor] + offset + row * row_stride + lane * lane_stride, where base is the
  // thread's chunk memory if local. Filled in by the planner.
  bool local = false;
  int64_t offset = 0;
  int64_t row_stride = 0;
  int64_t lane_stride = 0;
};

inline Operand read(TensorId t) { return {t, Access::kRead, Part::kRows}; }
inline Operand read_whole(TensorId t) { return {t, Access::kRead, Part::kWhole}; }
inline Operand write(TensorId t) { return {t, Access::kWrite, Part::kRows}; }
inline Operand write_whole(TensorId t) { return {t, Access::kWrite, Part::kWhole}; }
inline Operand update_whole(TensorId t) { return {t, Access::kUpdate, Part::kWhole}; }
inline Operand write_lane(TensorId t) { return {t, Access::kWrite, Part::kLane}; }
inline Operand read_columns(TensorId t) { return {t, Access::kRead, Part::kColumns}; }
inline Operand write_columns(TensorId t) { return {t, Access::kWrite, Part::kColumns}; }
inline Operand update_columns(TensorId t) { return {t, Access::kUpdate, Part::kColumns}; }

// In how many parts a network is cut by columns.
constexpr int64_t kColumnParts = 2;

struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Part `part` of n columns (or rows of a kernel, or elements of a bias). Parts begin at multiples
// of 16 elements, so that no two of them share a cache line.
inline Range column_part(int64_t n, int64_t part) {
  const auto cut = [n](int64_t p) {
    return p == kColumnParts ? n : (p * n / kColumnParts + 8) / 16 * 16;
  };
  return {std::min(n, cut(part)), std::min(n, cut(part + 1))};
}

// The arrays that one run reads and writes (see Plan::run_steps).
struct Binding {
  struct Input {
    const char* data;
    int type;  // a SourceType of graph/gather.h
  };
  std::vector<Input> inputs;
  std::vector<char*> outputs;      // null for a scalar, which goes to Call::scalars
  const int64_t* index = nullptr;  // dataset rows of the run's rows
  int64_t index_base = 0;          // number of the first of them
};

struct Step;

// One call of a kernel: rows or tasks [begin, end).
struct Call {
  const Operand* operands;
  char* const* base;  // whole-tensor addresses
  char* local;        // this thread's chunk memory
  char* workspace;    // Step::workspace bytes of this thread
  const Binding* binding;
  int64_t first_row;              // dataset row of the batch's row 0
  double* scalars;                // values of scalar outputs
  std::atomic<bool>* not_finite;  // set when scalar output 0 is not; may be null
  int64_t begin, end;
  // The task of this step that this thread has run last, so that the workspace is as it left it;
  // -1: none.
  int64_t previous;
  int64_t lane;
  bool first_in_lane;  // lane operands hold nothing yet

  int64_t count() const { return end - begin; }
  template <typename T>
  T* at(int i) const {
    const Operand& o = operands[i];
    return reinterpret_cast<T*>((o.local ? local : base[o.tensor]) + o.offset +
                                begin * o.row_stride + lane * o.lane_stride);
  }
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual void run(const Call& call) const = 0;
};

template <typename F>
class KernelOf final : public Kernel {
 public:
  explicit KernelOf(F f) : f_(std::move(f)) {}
  void run(const Call& call) const override { f_(call); }

 private:
  F f_;
};

struct Step {
  std::string name;
  std::unique_ptr<Kernel> kernel;
  std::vector<Operand> operands;
  Partition partition;
  int64_t extent;  // rows or tasks
  int64_t work;    // multiply-adds or elements, whole step
  size_t workspace = 0;
  int64_t preferred_rows = 1;  // fewer rows a call would waste the step's weights
  int in_place_from = -1;      // operand whose storage operand `in_place_to`
  int in_place_to = -1;        // may take over
  bool effect = false;
};

// What is applied to an operator's result while it is in the cache: a tensor of the same shape is
// added (if there is one), then an elementwise function is taken (if there is one). Where `pooled`,
// there is no sum, the function is relu or none, and the operator's result y is the largest of each
// 2 x 2 cells of an image of even height and width (OpDef::takes_pooling).
struct Epilogue {
  Unary function = Unary::kCount;
  double attrs[2] = {0, 0};
  TensorId residual = kNoTensor;
  bool pooled = false;

  bool has_function() const { return function != Unary::kCount; }
};

struct PlanTensor {
  TensorSpec spec;
  TensorKind kind = TensorKind::kValue;
  int source = -1;
  TensorId alias_of = kNoTensor;  // shares the storage of this tensor
  int64_t copies = 1;             // lanes of a lane tensor
  int readers = 0;                // operators and plan outputs that read it
  bool fixed = false;             // a function of variables that the plan does not change
  bool by_columns = false;        // written and read in parts of its columns
  // Of a tensor whose parts lie in planes of their own, as high and wide as all: elements from one
  // plane to the next.
  int64_t part_stride = 0;
  // A view: columns of the last axis of another tensor, from view_column on.
  TensorId view_of = kNoTensor;
  int64_t view_column = 0;
  bool renews = false;  // a view with contents of its own, which take over from the older ones
};

// The tensor that holds a tensor's elements, and its columns [begin, end) there.
struct Place {
  TensorId root;
  int64_t begin, end;
  int version;  // how often they are overwritten before

  bool overlaps(const Place& other) const {
    return root == other.root && begin < other.end && other.begin < end;
  }
};

Place place_of(const std::vector<PlanTensor>& tensors, TensorId id);
// Elements from one row of the last axis to the next.
int64_t pitch_of(const std::vector<PlanTensor>& tensors, TensorId id);

class Lowering {
 public:
  // batch: leading dimension of the first input, the one plans cut in rows.
  // columns: whether the plan cuts products in parts of their columns.
  Lowering(std::vector<PlanTensor>& tensors, std::vector<Step>& steps, int64_t total_work,
           int64_t batch, bool columns)
      : tensors_(tensors),
        steps_(steps),
        total_work_(total_work),
        batch_(batch),
        columns_(columns) {}

  // -- the operator being lowered
  const OpDef& def() const { return *node_->def; }
  const Attrs& attrs() const { return node_->attrs; }
  size_t count() const { return node_->inputs.size(); }
  TensorId x(size_t i) const { return node_->inputs[i]; }
  TensorId y(size_t i = 0) const { return node_->outputs[i]; }
  // By value: adding a temporary moves the tensors.
  Shape x_shape(size_t i) const { return tensors_[x(i)].spec.shape; }
  Shape y_shape(size_t i = 0) const { return tensors_[y(i)].spec.shape; }
  DType dtype() const { return tensors_[y(0)].spec.dtype; }
  DType x_dtype(size_t i) const { return tensors_[x(i)].spec.dtype; }
  TensorSpec spec(TensorId id) const { return tensors_[id].spec; }
  bool is_read(TensorId id) const { return tensors_[id].readers > 0; }
  // Whether the steps that depend on this tensor alone run once, not in every run.
  bool is_fixed(TensorId id) const { return tensors_[id].fixed; }
  const Epilogue* epilogue() const { return epilogue_; }
  // Elements from one row of the last axis (a pixel, in an image) to the next; more than the row
  // has if the tensor is a view of columns of another. Only operands for which the operator says so
  // (OpDef::pitched_inputs, pitched_output) can be views.
  int64_t pitch(TensorId id) const { return pitch_of(tensors_, id); }
  bool is_view(TensorId id) const { return tensors_[id].view_of != kNoTensor; }
  TensorId root(TensorId id) const { return place_of(tensors_, id).root; }  // holds its elements
  TensorId view_of(TensorId id) const { return tensors_[id].view_of; }
  int64_t view_column(TensorId id) const { return tensors_[id].view_column; }
  bool cuts_columns() const { return columns_; }
  bool by_columns(TensorId id) const { return tensors_[id].by_columns; }
  int64_t part_stride(TensorId id) const { return tensors_[id].part_stride; }
  // How a column step that needs its own columns alone reads a tensor.
  Operand read_own(TensorId id) const { return by_columns(id) ? read_columns(id) : read_whole(id); }
  // Of an operator that is two (OpDef::with_rows): the epilogue of the first.
  const Epilogue* inner_epilogue() const { return inner_epilogue_; }

  // -- what it may emit
  TensorId temp(const TensorSpec& spec);
  // Columns of y from `column` on, as a tensor of its own.
  TensorId view(TensorId y, int64_t column, const TensorSpec& spec);
  // A tensor with one private copy a lane. Row steps accumulate into it with write_lane (the
  // first call of a lane overwrites); its readers see all copies, [lanes][spec].
  TensorId lane_temp(const TensorSpec& spec, int64_t rows);
  // The result y is the same memory as x.
  void alias(TensorId y, TensorId x) { tensors_[y].alias_of = x; }
  // Fixed pieces in which row steps of this many rows are cut; a function of the shapes alone,
  // so that results do not depend on the number of threads.
  int64_t lanes(int64_t rows) const;
  int64_t batch() const { return batch_; }
  // True when a step of that much work had better be cut in its own tasks than in rows.
  bool few_rows(int64_t rows, int64_t work) const;

  template <typename F>
  Step& rows(const char* name, int64_t rows, std::vector<Operand> operands, int64_t work, F f) {
    return add(name, Partition::kRows, rows, std::move(operands), work,
               std::make_unique<KernelOf<F>>(std::move(f)));
  }
  template <typename F>
  Step& tasks(const char* name, int64_t count, std::vector<Operand> operands, int64_t work, F f) {
    return add(name, Partition::kTasks, count, std::move(operands), work,
               std::make_unique<KernelOf<F>>(std::move(f)));
  }

  // A step of one task for each part of the columns: call.begin is the part.
  template <typename F>
  Step& columns(const char* name, std::vector<Operand> operands, int64_t work, F f) {
    return add(name, Partition::kColumns, kColumnParts, std::move(operands), work,
               std::make_unique<KernelOf<F>>(std::move(f)));
  }
  // A tensor with one copy for each part, written with write_lane.
  TensorId part_temp(const TensorSpec& spec);

  void lower(const Node& node, const Epilogue* epilogue, const Epilogue* inner_epilogue);

 private:
  Step& add(const char* name, Partition partition, int64_t extent, std::vector<Operand> operands,
            int64_t work, std::unique_ptr<Kernel> kernel);

  std::vector<PlanTensor>& tensors_;
  std::vector<Step>& steps_;
  const int64_t total_work_;
  const int64_t batch_;
  const bool columns_;
  const Node* node_ = nullptr;
  const Epilogue* epilogue_ = nullptr;
  const Epilogue* inner_epilogue_ = nullptr;
};

// Number of elements in one row (all dimensions but the first).
inline int64_t row_size(const Shape& shape) {
  int64_t size = 1;
  for (size_t i = 1; i < shape.size(); ++i) size *= shape[i];
  return size;
}

}  // namespace pyframe
