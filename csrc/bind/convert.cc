#include "bind/convert.h"

namespace py = pybind11;

namespace pyframe {
namespace {

AttrValue attr_from(const std::string& name, py::handle value) {
  if (py::isinstance<py::bool_>(value)) return int64_t{value.cast<bool>()};
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  if (PyIndex_Check(value.ptr())) {
    const auto number = py::reinterpret_steal<py::object>(PyNumber_Index(value.ptr()));
    if (!number) throw py::error_already_set();
    return number.cast<int64_t>();
  }
  if (py::isinstance<py::float_>(value) || PyNumber_Check(value.ptr())) return value.cast<double>();
  if (py::isinstance<py::sequence>(value)) {
    const auto list = py::reinterpret_borrow<py::sequence>(value);
    bool whole = true;
    for (py::handle item : list) whole = whole && PyIndex_Check(item.ptr()) != 0;
    if (whole) return list.cast<Ints>();
    return list.cast<std::vector<double>>();
  }
  throw Error(cat("attribute '", name, "' must be a number, a string or a list of numbers"));
}

}  // namespace

Shape shape_from(const py::sequence& dims) {
  Shape shape;
  for (py::handle dim : dims) {
    if (dim.is_none()) {
      shape.push_back(kUnknown);
      continue;
    }
    const auto value = dim.cast<int64_t>();
    check(value >= 0, "dimensions must not be negative. Received: ", value);
    shape.push_back(value);
  }
  return shape;
}

py::tuple shape_to(const Shape& shape) {
  py::tuple result(shape.size());
  for (size_t i = 0; i < shape.size(); ++i)
    result[i] = shape[i] == kUnknown ? py::object(py::none()) : py::object(py::int_(shape[i]));
  return result;
}

Attrs attrs_from(const py::dict& dict) {
  Attrs attrs;
  for (const auto& [key, value] : dict) {
    const auto name = key.cast<std::string>();
    attrs.set(name, attr_from(name, value));
  }
  return attrs;
}

py::array contiguous(const py::array& array, const char* what, const std::string& name,
                     SourceType* type) {
  const auto called = [&] { return name.empty() ? std::string(what) : cat(what, " '", name, "'"); };
  const py::dtype dtype = array.dtype();
  const char kind = dtype.kind();
  const py::ssize_t size = dtype.itemsize();
  const char order = dtype.byteorder();  // of bytes '|'
  if (kind == 'f' && size == 4)
    *type = SourceType::kF32;
  else if (kind == 'f' && size == 8)
    *type = SourceType::kF64;
  else if (kind == 'i' && size == 4)
    *type = SourceType::kI32;
  else if (kind == 'i' && size == 8)
    *type = SourceType::kI64;
  else if (kind == 'u' && size == 1)
    *type = SourceType::kU8;
  else if (kind == 'b')
    *type = SourceType::kBool;
  else
    throw Error(cat(called(), " has the dtype ", py::str(dtype).cast<std::string>(),
                    "; use float32, float64, int32, int64, uint8 or bool (x.astype('float32'))"));
  if (order != '=' && order != '|' && !dtype.attr("isnative").cast<bool>())
    throw Error(cat(called(), " is not in native byte order; use x.astype('float32')"));
  const auto flags = array.flags();
  const bool aligned = (flags & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  if ((flags & py::array::c_style) != 0 && aligned) return array;
  return py::array::ensure(array.attr("copy")("C"));
}

py::dtype numpy_dtype(DType dtype) { return py::dtype(dtype_name(dtype)); }

}  // namespace pyframe
