#include "bind/convert.h"
#include "graph/plan.h"

namespace py = pybind11;

namespace pyframe {
namespace {

// Arrays of one run, kept alive while the GIL is released.
struct Arrays {
  std::vector<py::array> keep;
  std::vector<InputArray> inputs;

  Arrays(const Plan& plan, const py::sequence& arrays, bool whole) {
    const size_t count = plan.input_specs().size();
    check(py::len(arrays) == count, "the plan takes ", count,
          " inputs. Received: ", py::len(arrays));
    keep.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      const Shape& expected = plan.input_specs()[i].shape;
      const std::string& name = plan.input_names()[i];
      const py::array array = py::array::ensure(arrays[i]);
      if (!array) throw py::error_already_set();
      const py::ssize_t* shape = array.shape();
      bool fits = array.ndim() == static_cast<py::ssize_t>(expected.size());
      for (size_t d = whole ? 0 : 1; fits && d < expected.size(); ++d)
        fits = shape[d] == expected[d];
      if (!fits)
        throw Error(cat("input '", name, "' expects the shape ", to_string(expected),
                        ". Received: ", to_string(Shape(shape, shape + array.ndim()))));
      SourceType type;
      keep.push_back(contiguous(array, "input", name, &type));
      inputs.push_back({keep.back().data(), type, expected.empty() ? 1 : shape[0]});
    }
  }
};

// Arrays for the outputs of one batch; scalars have none.
struct Outputs {
  std::vector<py::array> arrays;
  std::vector<void*> targets;

  explicit Outputs(const Plan& plan) {
    for (const TensorSpec& spec : plan.output_specs()) {
      arrays.emplace_back(numpy_dtype(spec.dtype), spec.shape);
      targets.push_back(spec.shape.empty() ? nullptr : arrays.back().mutable_data());
    }
  }
};

py::list run_once(Plan& plan, const py::sequence& arrays) {
  const Arrays in(plan, arrays, true);
  Outputs out(plan);
  RunResult result;
  {
    py::gil_scoped_release release;
    result = plan.run(in.inputs, out.targets, nullptr, 0, 0, 1, false);
  }
  py::list list;
  for (size_t i = 0; i < out.arrays.size(); ++i) {
    const TensorSpec& spec = plan.output_specs()[i];
    if (!spec.shape.empty())
      list.append(std::move(out.arrays[i]));
    else
      list.append(py::array(py::float_(result.last[i])).attr("astype")(numpy_dtype(spec.dtype)));
  }
  return list;
}

py::list profile(Plan& plan, const py::sequence& arrays, int64_t runs) {
  const Arrays in(plan, arrays, true);
  const Outputs out(plan);
  std::vector<StepTime> times;
  {
    py::gil_scoped_release release;
    times = plan.profile(in.inputs, out.targets, runs);
  }
  py::list list;
  for (const StepTime& time : times)
    list.append(py::make_tuple(time.name, shape_to(time.shape), 2 * time.work, time.seconds));
  return list;
}

py::tuple run_steps(Plan& plan, const py::sequence& arrays, const py::sequence& outputs,
                    const std::optional<py::array_t<int64_t, py::array::c_style>>& index,
                    int64_t start, int64_t steps, bool stop_if_not_finite) {
  const Arrays in(plan, arrays, false);
  const size_t count = plan.output_specs().size();
  check(py::len(outputs) == count, "the plan has ", count,
        " outputs. Received: ", py::len(outputs));
  const int64_t end = plan.last_row(start, steps);
  std::vector<py::array> keep;
  std::vector<void*> targets;
  for (size_t i = 0; i < count; ++i) {
    const TensorSpec& spec = plan.output_specs()[i];
    const py::object output = outputs[i];
    check(output.is_none() == spec.shape.empty(), "output ", i, " has the shape ",
          to_string(spec.shape),
          spec.shape.empty() ? ": pass None for a scalar" : ": pass an array to fill");
    if (output.is_none()) {
      targets.push_back(nullptr);
      continue;
    }
    check(py::isinstance<py::array>(output), "output ", i, " must be a NumPy array");
    auto array = py::reinterpret_borrow<py::array>(output);
    const Shape shape(array.shape(), array.shape() + array.ndim());
    const int64_t rows = plan.is_batched_output(i) ? end : spec.shape[0];
    bool fits = shape.size() == spec.shape.size() && shape[0] >= rows &&
                array.dtype().is(numpy_dtype(spec.dtype)) &&
                (array.flags() & py::array::c_style) != 0 && array.writeable();
    for (size_t d = 1; fits && d < shape.size(); ++d) fits = shape[d] == spec.shape[d];
    check(fits, "output ", i, " must be a writable C-contiguous ", dtype_name(spec.dtype),
          " array of at least ", rows, " rows shaped like ", to_string(spec.shape),
          ". Received: ", to_string(shape));
    targets.push_back(array.mutable_data());
    keep.push_back(std::move(array));
  }
  RunResult result;
  {
    const int64_t* rows = index ? index->data() : nullptr;
    const int64_t size = index ? index->size() : 0;
    py::gil_scoped_release release;
    result = plan.run(in.inputs, targets, rows, size, start, steps, stop_if_not_finite);
  }
  return py::make_tuple(result.steps, result.sums, result.last);
}

}  // namespace

void bind_plan(py::module_& m) {
  py::class_<Plan>(m, "Plan")
      .def("run", &run_once, py::arg("inputs"))
      .def("profile", &profile, py::arg("inputs"), py::arg("runs") = 1)
      .def("run_steps", &run_steps, py::arg("inputs"), py::arg("outputs"), py::arg("index"),
           py::arg("start"), py::arg("steps"), py::arg("stop_if_not_finite") = false)
      .def_property_readonly("output_shapes",
                             [](const Plan& plan) {
                               py::list shapes;
                               for (const TensorSpec& spec : plan.output_specs())
                                 shapes.append(shape_to(spec.shape));
                               return shapes;
                             })
      .def_property_readonly("output_dtypes",
                             [](const Plan& plan) {
                               std::vector<std::string> names;
                               for (const TensorSpec& spec : plan.output_specs())
                                 names.push_back(dtype_name(spec.dtype));
                               return names;
                             })
      .def_property_readonly("arena_bytes", &Plan::arena_bytes)
      .def_property_readonly("scratch_bytes", &Plan::scratch_bytes)
      .def_property_readonly("flops", [](const Plan& plan) { return 2 * plan.work(); })
      .def("describe", &Plan::describe);
}

}  // namespace pyframe
