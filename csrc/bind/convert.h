// Conversions between Python objects and the engine's types.
#pragma once

#include <string>
#include <vector>

#include "bind/bind.h"
#include "graph/plan.h"
#include "ir/graph.h"

namespace pyframe {

Shape shape_from(const pybind11::sequence& dims);  // None becomes kUnknown
pybind11::tuple shape_to(const Shape& shape);
Attrs attrs_from(const pybind11::dict& dict);
// A C-contiguous view or copy of the array in an element type the engine reads; throws Error
// naming what it is for other types.
pybind11::array contiguous(const pybind11::array& array, const char* what, const std::string& name,
                           SourceType* type);
pybind11::dtype numpy_dtype(DType dtype);

}  // namespace pyframe
