// Effects: operators that change variables. Optimizer steps follow Keras's formulas and run over
// all parameters in blocks of one size, whatever tensor they belong to.
#include <cmath>

#include "common/dispatch_dtype.h"
#include "common/stand_in.h"
#include "ir/lowering.h"

namespace pyframe {
namespace {

constexpr int64_t kBlock = 16384;    // elements that one task updates
constexpr int64_t kOwnStep = 65536;  // elements from which on a parameter has a step of its own

// -- assign, assign_add, accumulate

enum AssignOp { kAssign, kAssignAdd, kAccumulate };

std::vector<TensorSpec> infer_assign(const OpContext& c) {
  if (c.def.id != kAssignAdd)
    c.require(may_be_equal(c.shape(0), c.shape(1)) && c.inputs[0].dtype == c.inputs[1].dtype,
              "the variable and its new value must have the same shape and dtype.");
  return {};
}

void lower_assign(Lowering& l) {
  const int how = l.def().id;
  const int64_t size = element_count(l.x_shape(0));
  const double value = l.attrs().number("value", 1);
  std::vector<Operand> operands = {update_whole(l.x(0))};
  if (how != kAssignAdd) operands.push_back(read_whole(l.x(1)));
  dispatch_any(l.x_dtype(0), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T step = static_cast<T>(value);
    const int64_t tasks = std::max<int64_t>(1, ceil_div(size, kBlock));
    l.tasks(l.def().name.c_str(), tasks, std::move(operands), size, [=](const Call& c) {
      T* to = c.at<T>(0);
      const T* from = how == kAssignAdd ? nullptr : c.at<T>(1);
      for (int64_t i = c.begin * kBlock; i < std::min(size, c.end * kBlock); ++i)
        to[i] = how == kAssign ? from[i] : to[i] + (how == kAssignAdd ? step : from[i]);
    });
  });
}

// -- moving_average: pairs of a variable and a new value, variable = momentum variable +
// (1 - momentum) value

bool moving_variable(const Attrs&, int i) { return i % 2 == 0; }

std::vector<TensorSpec> infer_moving(const OpContext& c) {
  c.require(c.count() % 2 == 0, "needs pairs of a variable and a value.");
  const double momentum = c.attrs.number("momentum", 0.99);
  c.require(momentum >= 0 && momentum <= 1, "momentum must be between 0 and 1.");
  for (size_t i = 0; i < c.count(); i += 2)
    c.require(c.shape(i) == c.shape(i + 1) && c.inputs[i].dtype == c.inputs[i + 1].dtype &&
                  c.inputs[i].dtype == c.inputs[0].dtype && c.inputs[0].dtype != DType::kI32,
              "a variable and its new value must have the same shape and float dtype.");
  return {};
}

void lower_moving(Lowering& l) {
  const double momentum = l.attrs().number("momentum", 0.99);
  std::vector<Operand> operands;
  std::vector<int64_t> sizes;
  for (size_t i = 0; i < l.count(); i += 2) {
    operands.push_back(update_whole(l.x(i)));
    operands.push_back(read_whole(l.x(i + 1)));
    sizes.push_back(element_count(l.x_shape(i)));
  }
  dispatch_float(l.x_dtype(0), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    const T old_part = static_cast<T>(momentum), new_part = static_cast<T>(1 - momentum);
    int64_t total = 0;
    for (int64_t size : sizes) total += size;
    l.tasks("moving_average", 1, std::move(operands), total, [=](const Call& c) {
      for (size_t i = 0; i < sizes.size(); ++i) {
        const int at = 2 * static_cast<int>(i);
        k->axpby(new_part, c.at<T>(at + 1), old_part, c.at<T>(at), sizes[i]);
      }
    });
  });
}

// -- optimizers: `head` scalars first, then `slots` tensors for each parameter (w, g, ...)

struct UpdateLayout {
  int head;
  int slots;
};

void require_layout(const OpContext& c, UpdateLayout layout) {
  const auto count = static_cast<int>(c.count());
  c.require(count > layout.head && (count - layout.head) % layout.slots == 0, "needs ", layout.head,
            " scalars and then ", layout.slots, " tensors for each parameter.");
  for (int i = 0; i < layout.head; ++i)
    c.require(element_count(c.shape(static_cast<size_t>(i))) == 1 &&
                  c.inputs[static_cast<size_t>(i)].dtype != DType::kI32,
              "learning rate and step count must be float scalars.");
  for (int p = layout.head; p < count; p += layout.slots)
    for (int s = 1; s < layout.slots; ++s) {
      const auto w = static_cast<size_t>(p), t = static_cast<size_t>(p + s);
      c.require(c.shape(t) == c.shape(w) && c.inputs[t].dtype == c.inputs[w].dtype &&
                    c.inputs[w].dtype == c.inputs[static_cast<size_t>(layout.head)].dtype,
                "a parameter, its gradient and its slots must have the same shape and dtype.");
    }
}

// The scalars in front of the parameters.
struct UpdateHead {
  DType rate_dtype, count_dtype;
  bool has_count;

  UpdateHead(const Lowering& l, UpdateLayout layout)
      : rate_dtype(l.spec(l.x(0)).dtype),
        count_dtype(l.spec(l.x(layout.head > 1 ? 1 : 0)).dtype),
        has_count(layout.head > 1) {}
  double rate(const Call& c) const { return scalar(c, 0, rate_dtype); }
  double steps(const Call& c) const { return has_count ? scalar(c, 1, count_dtype) : 0; }

 private:
  static double scalar(const Call& c, int i, DType dtype) {
    return dtype == DType::kF64 ? *c.at<double>(i) : static_cast<double>(*c.at<float>(i));
  }
};

struct Block {
  int operand;  // of the parameter w
  int64_t begin, size;
};

// Adds the update of some parameters, given by the place of w among the inputs.
template <typename T, typename F>
void lower_update_of(Lowering& l, UpdateLayout layout, const std::vector<int>& parameters, F f) {
  std::vector<Operand> operands;
  std::vector<Block> blocks;
  int64_t total = 0;
  for (int i = 0; i < layout.head; ++i) operands.push_back(read_whole(l.x(static_cast<size_t>(i))));
  for (int w : parameters) {
    const int64_t size = element_count(l.x_shape(static_cast<size_t>(w)));
    total += size;
    for (int64_t begin = 0; begin < size; begin += kBlock)
      blocks.push_back({static_cast<int>(operands.size()), begin, std::min(kBlock, size - begin)});
    for (int s = 0; s < layout.slots; ++s) {
      const TensorId id = l.x(static_cast<size_t>(w + s));
      operands.push_back(s == 1 ? read_whole(id) : update_whole(id));
    }
  }
  // Small parameters (biases) share a task.
  std::vector<size_t> first;
  int64_t filled = kBlock;
  for (size_t b = 0; b < blocks.size(); ++b) {
    if (filled >= kBlock / 2) {
      first.push_back(b);
      filled = 0;
    }
    filled += blocks[b].size;
  }
  first.push_back(blocks.size());
  const UpdateHead head(l, layout);
  const int slots = layout.slots;
  const auto count = static_cast<int64_t>(first.size()) - 1;
  l.tasks(l.def().name.c_str(), count, std::move(operands), 4 * total, [=](const Call& c) {
    const double rate = head.rate(c), steps = head.steps(c);
    for (size_t b = first[static_cast<size_t>(c.begin)]; b < first[static_cast<size_t>(c.end)];
         ++b) {
      T* pointers[5];
      for (int s = 0; s < slots; ++s)
        pointers[s] = c.at<T>(blocks[b].operand + s) + blocks[b].begin;
      f(pointers, blocks[b].size, rate, steps);
    }
  });
}

// Adds the update of all parameters, each part of them where its gradient was computed.
template <typename T, typename F>
void lower_update_columns(Lowering& l, UpdateLayout layout, F f) {
  std::vector<Operand> operands;
  std::vector<Shape> shapes;
  int64_t total = 0;
  for (int i = 0; i < static_cast<int>(l.count()); ++i) {
    const TensorId id = l.x(static_cast<size_t>(i));
    if (i < layout.head) {
      operands.push_back(read_whole(id));
      continue;
    }
    const int slot = (i - layout.head) % layout.slots;
    operands.push_back(slot == 1 ? read_columns(id) : update_columns(id));
    if (slot > 0) continue;
    shapes.push_back(l.spec(id).shape);
    total += element_count(shapes.back());
  }
  const UpdateHead head(l, layout);
  l.columns(l.def().name.c_str(), std::move(operands), 4 * total, [=](const Call& c) {
    for (size_t p = 0; p < shapes.size(); ++p) {
      const Range own = shapes[p].empty() ? Range{c.begin, 1} : column_part(shapes[p][0], c.begin);
      const int64_t row = row_size(shapes[p]), size = own.size() * row;
      if (size == 0) continue;
      T* pointers[5];
      for (int s = 0; s < layout.slots; ++s)
        pointers[s] =
            c.at<T>(layout.head + static_cast<int>(p) * layout.slots + s) + own.begin * row;
      f(pointers, size, head.rate(c), head.steps(c));
    }
  });
}

// Adds one step for each of the large parameters, whose gradient's memory is free for the next one
// then, and one step for all others: f(pointers of one block's w, g, slots ..., size, head values).
template <typename T, typename F>
void lower_update(Lowering& l, UpdateLayout layout, F f) {
  if (l.cuts_columns()) return lower_update_columns<T>(l, layout, f);
  std::vector<int> small;
  for (int i = layout.head; i < static_cast<int>(l.count()); i += layout.slots) {
    if (element_count(l.x_shape(static_cast<size_t>(i))) >= kOwnStep)
      lower_update_of<T>(l, layout, {i}, f);
    else
      small.push_back(i);
  }
  if (!small.empty()) lower_update_of<T>(l, layout, small, f);
}

DType parameter_dtype(Lowering& l, int head) { return l.x_dtype(static_cast<size_t>(head)); }

// -- sgd_update: learning_rate, then w, g[, velocity]

UpdateLayout sgd_layout(const Attrs& attrs) {
  return {1, attrs.number("momentum", 0) == 0 ? 2 : 3};
}

std::vector<TensorSpec> infer_sgd(const OpContext& c) {
  const double momentum = c.attrs.number("momentum", 0);
  c.require(momentum >= 0 && momentum <= 1, "momentum must be between 0 and 1.");
  require_layout(c, sgd_layout(c.attrs));
  return {};
}

void lower_sgd(Lowering& l) {
  const double momentum = l.attrs().number("momentum", 0);
  const bool nesterov = l.attrs().flag("nesterov", false);
  dispatch_float(parameter_dtype(l, 1), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    lower_update<T>(l, sgd_layout(l.attrs()), [=](T** p, int64_t n, double rate, double) {
      if (momentum == 0)
        k->sgd(p[0], p[1], n, static_cast<T>(rate));
      else
        k->sgd_momentum(p[0], p[1], p[2], n, static_cast<T>(rate), static_cast<T>(momentum),
                        nesterov);
    });
  });
}

// -- rmsprop_update: learning_rate, then w, g, v[, mg][, mom]

UpdateLayout rmsprop_layout(const Attrs& attrs) {
  return {1,
          3 + (attrs.flag("centered", false) ? 1 : 0) + (attrs.number("momentum", 0) != 0 ? 1 : 0)};
}

std::vector<TensorSpec> infer_rmsprop(const OpContext& c) {
  require_layout(c, rmsprop_layout(c.attrs));
  return {};
}

void lower_rmsprop(Lowering& l) {
  const double rho = l.attrs().number("rho", 0.9), momentum = l.attrs().number("momentum", 0);
  const double epsilon = l.attrs().number("epsilon", 1e-7);
  const bool centered = l.attrs().flag("centered", false);
  dispatch_float(parameter_dtype(l, 1), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    lower_update<T>(l, rmsprop_layout(l.attrs()), [=](T** p, int64_t n, double rate, double) {
      T* mean = centered ? p[3] : nullptr;
      T* velocity = momentum == 0 ? nullptr : p[centered ? 4 : 3];
      k->rmsprop(p[0], p[1], p[2], mean, velocity, n, static_cast<T>(rate), rho,
                 static_cast<T>(momentum), static_cast<T>(epsilon));
    });
  });
}

// -- adam_update: learning_rate, steps done before, then w, g, m, v. Kingma & Ba 2015, the
// "epsilon hat" form before their section 2.1, as Keras has it.

UpdateLayout adam_layout(const Attrs&) { return {2, 4}; }

std::vector<TensorSpec> infer_adam(const OpContext& c) {
  require_layout(c, adam_layout(c.attrs));
  return {};
}

void lower_adam(Lowering& l) {
  const double b1 = l.attrs().number("beta_1", 0.9), b2 = l.attrs().number("beta_2", 0.999);
  const double epsilon = l.attrs().number("epsilon", 1e-7);
  dispatch_float(parameter_dtype(l, 2), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const KernelTable<T>* k = &kernels<T>();
    lower_update<T>(l, adam_layout(l.attrs()), [=](T** p, int64_t n, double rate, double steps) {
      const double t = steps + 1;
      const double alpha = rate * std::sqrt(1 - std::pow(b2, t)) / (1 - std::pow(b1, t));
      k->adam(p[0], p[1], p[2], p[3], n, static_cast<T>(alpha), b1, b2, static_cast<T>(epsilon));
    });
  });
}

bool first_input(const Attrs&, int i) { return i == 0; }

// Everything but the head scalars and the gradients.
template <UpdateLayout (*layout)(const Attrs&)>
bool parameters(const Attrs& attrs, int i) {
  const UpdateLayout shape = layout(attrs);
  return i >= shape.head && (i - shape.head) % shape.slots != 1;
}

void add(const char* name, int id, int min_inputs, int max_inputs, std::vector<std::string> attrs,
         std::vector<TensorSpec> (*infer)(const OpContext&), void (*lower)(Lowering&),
         bool (*updates)(const Attrs&, int)) {
  OpDef def;
  def.updates = updates;
  def.name = name;
  def.id = id;
  def.min_inputs = min_inputs;
  def.max_inputs = max_inputs;
  def.attrs = std::move(attrs);
  def.infer = infer;
  def.lower = lower;
  def.work = [](const OpContext& c) {
    int64_t total = 0;
    for (const TensorSpec& spec : c.inputs) total += element_count(spec.shape);
    return total;
  };
  def.effect = true;
  register_op(def);
}

bool register_all() {
  add("assign", kAssign, 2, 2, {}, infer_assign, lower_assign, first_input);
  add("assign_add", kAssignAdd, 1, 1, {"value"}, infer_assign, lower_assign, first_input);
  add("accumulate", kAccumulate, 2, 2, {}, infer_assign, lower_assign, first_input);
  add("moving_average", 0, 2, -1, {"momentum"}, infer_moving, lower_moving, moving_variable);
  add("sgd_update", 0, 3, -1, {"momentum", "nesterov"}, infer_sgd, lower_sgd,
      parameters<sgd_layout>);
  add("rmsprop_update", 0, 4, -1, {"rho", "momentum", "epsilon", "centered"}, infer_rmsprop,
      lower_rmsprop, parameters<rmsprop_layout>);
  add("adam_update", 0, 6, -1, {"beta_1", "beta_2", "epsilon"}, infer_adam, lower_adam,
      parameters<adam_layout>);
  return true;
}

const bool registered = register_all();

}  // namespace
}  // namespace pyframe
