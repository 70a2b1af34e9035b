// pybind11 bindings, one file an area; nothing else in the engine includes pybind11.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

namespace pyframe {

void bind_graph(pybind11::module_& m);   // Variable, Graph, shape inference
void bind_plan(pybind11::module_& m);    // Plan
void bind_config(pybind11::module_& m);  // ISA levels, threads, build configuration

}  // namespace pyframe
