#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "bind/convert.h"
#include "common/dispatch_dtype.h"
#include "graph/gradients.h"
#include "graph/plan.h"
#include "ir/op.h"

namespace py = pybind11;

namespace pyframe {
namespace {

py::array value_of(const Variable& v) {
  py::array result(numpy_dtype(v.spec().dtype), v.spec().shape);
  std::memcpy(result.mutable_data(), v.data(), v.bytes());
  return result;
}

void assign(Variable& v, const py::object& like) {
  const py::array value = py::array::ensure(like);
  if (!value) throw py::error_already_set();
  const Shape shape(value.shape(), value.shape() + value.ndim());
  check(shape == v.spec().shape, "variable '", v.name(), "' has the shape ",
        to_string(v.spec().shape), ". Received: ", to_string(shape));
  SourceType type;
  const py::array source = contiguous(value, "the new value of variable", v.name(), &type);
  const int64_t size = element_count(shape);
  gather_rows(type, static_cast<const char*>(source.data()), size, nullptr, 0, 1, v.spec().dtype,
              v.data());
  v.touch();
}

void fill(Variable& v, double value) {
  dispatch_any(v.spec().dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::fill_n(reinterpret_cast<T*>(v.data()), element_count(v.spec().shape),
                static_cast<T>(value));
  });
  v.touch();
}

double item(const Variable& v) {
  check(element_count(v.spec().shape) == 1, "variable '", v.name(), "' of shape ",
        to_string(v.spec().shape), " is not a single number");
  return dispatch_any(v.spec().dtype, [&](auto tag) {
    return static_cast<double>(*reinterpret_cast<const typename decltype(tag)::type*>(v.data()));
  });
}

bool has_nan(const py::array& array) {
  SourceType type;
  const py::array values = contiguous(array, "the array", {}, &type);
  if (values.size() == 0 || (type != SourceType::kF32 && type != SourceType::kF64)) return false;
  const py::gil_scoped_release release;
  const int64_t n = values.size();
  return type == SourceType::kF32
             ? std::isnan(kernels<float>().max(static_cast<const float*>(values.data()), n))
             : std::isnan(kernels<double>().max(static_cast<const double*>(values.data()), n));
}

TensorId add_constant(Graph& graph, const py::object& like) {
  const py::array value = py::array::ensure(like);
  if (!value) throw py::error_already_set();
  SourceType type;
  const py::array source = contiguous(value, "a constant", {}, &type);
  const DType dtype = type == SourceType::kF32   ? DType::kF32
                      : type == SourceType::kF64 ? DType::kF64
                                                 : DType::kI32;
  const Shape shape(value.shape(), value.shape() + value.ndim());
  const int64_t size = element_count(shape);
  const Buffer cast(static_cast<size_t>(size) * dtype_size(dtype));
  gather_rows(type, static_cast<const char*>(source.data()), size, nullptr, 0, 1, dtype,
              cast.data());
  return graph.constant({shape, dtype}, cast.data());
}

py::list gradient_list(Graph& graph, TensorId loss, const std::vector<TensorId>& wrt) {
  py::list result;
  for (TensorId id : gradients(graph, loss, wrt))
    result.append(id == kNoTensor ? py::object(py::none()) : py::object(py::int_(id)));
  return result;
}

py::list inferred(const std::string& name, const py::sequence& shapes,
                  const std::vector<std::string>& dtypes, const py::dict& attrs) {
  std::vector<TensorSpec> specs;
  check(py::len(shapes) == dtypes.size(), "shapes and dtypes must have the same length");
  for (size_t i = 0; i < dtypes.size(); ++i)
    specs.push_back({shape_from(shapes[i]), parse_dtype(dtypes[i])});
  py::list result;
  for (const TensorSpec& spec : infer_specs(find_op(name), attrs_from(attrs), specs))
    result.append(shape_to(spec.shape));
  return result;
}

}  // namespace

void bind_graph(py::module_& m) {
  py::class_<Variable, std::shared_ptr<Variable>>(m, "Variable")
      .def(py::init([](const py::sequence& shape, const std::string& dtype, std::string name) {
             const Shape dims = shape_from(shape);
             for (int64_t dim : dims)
               check(dim != kUnknown,
                     "a variable needs a known shape. Received: ", to_string(dims));
             return std::make_shared<Variable>(dims, parse_dtype(dtype), std::move(name));
           }),
           py::arg("shape"), py::arg("dtype"), py::arg("name") = "variable")
      .def_property("name", &Variable::name, &Variable::set_name)
      .def_property_readonly("shape", [](const Variable& v) { return shape_to(v.spec().shape); })
      .def_property_readonly("dtype", [](const Variable& v) { return dtype_name(v.spec().dtype); })
      .def_property_readonly("version", &Variable::version)
      .def("numpy", &value_of)
      .def("assign", &assign, py::arg("value"))
      .def("fill", &fill, py::arg("value"))
      .def("item", &item)
      .def("memory",
           [](const py::object& self) {
             const auto& v = self.cast<const Variable&>();
             return py::array(numpy_dtype(v.spec().dtype), v.spec().shape, v.data(), self);
           })
      .def("touch", &Variable::touch);

  py::class_<Graph>(m, "Graph")
      .def(py::init<>())
      .def(
          "input",
          [](Graph& g, const std::string& name, const py::sequence& shape,
             const std::string& dtype) {
            return g.input(name, shape_from(shape), parse_dtype(dtype));
          },
          py::arg("name"), py::arg("shape"), py::arg("dtype"))
      .def("variable", &Graph::variable, py::arg("variable").none(false))
      .def("constant", &add_constant, py::arg("value"))
      .def(
          "op",
          [](Graph& g, const std::string& name, const std::vector<TensorId>& inputs,
             const py::dict& attrs) {
            check(!find_op(name).internal, "unknown operator '", name, "'");
            return g.op(name, inputs, attrs_from(attrs));
          },
          py::arg("name"), py::arg("inputs"), py::arg("attrs") = py::dict())
      .def("gradients", &gradient_list, py::arg("loss"), py::arg("wrt"))
      .def(
          "shape", [](const Graph& g, TensorId t) { return shape_to(g.tensor(t).spec.shape); },
          py::arg("tensor"))
      .def(
          "dtype", [](const Graph& g, TensorId t) { return dtype_name(g.tensor(t).spec.dtype); },
          py::arg("tensor"))
      .def(
          "compile",
          [](const Graph& g, const std::vector<TensorId>& outputs, const py::sequence& shapes,
             const std::vector<TensorId>& changing, std::optional<size_t> memory_limit,
             std::optional<bool> join_in_place) {
            std::vector<Shape> dims;
            for (py::handle shape : shapes)
              dims.push_back(shape_from(py::reinterpret_borrow<py::sequence>(shape)));
            return std::make_unique<Plan>(g, outputs, dims, changing,
                                          memory_limit.value_or(SIZE_MAX), join_in_place);
          },
          py::arg("outputs"), py::arg("input_shapes"),
          py::arg_v("changing", std::vector<TensorId>(), "()"),
          py::arg("memory_limit") = py::none(), py::arg("join_in_place") = py::none())
      .def("__str__", &Graph::str);

  m.def("infer_shapes", &inferred, py::arg("name"), py::arg("shapes"), py::arg("dtypes"),
        py::arg("attrs"));
  m.def("operators", &operator_names);
  m.def("has_nan", &has_nan, py::arg("array"));
}

}  // namespace pyframe
