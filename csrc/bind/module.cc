#include "bind/bind.h"
#include "common/check.h"

#ifndef PYFRAME_VERSION
#define PYFRAME_VERSION "unknown"
#endif

PYBIND11_MODULE(_core, m) {
  m.doc() = "The C++ engine of pyframe.";
  m.attr("__version__") = PYFRAME_VERSION;
  pybind11::register_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const pyframe::StateError& e) {
      PyErr_SetString(PyExc_RuntimeError, e.what());
    } catch (const pyframe::Error& e) {
      PyErr_SetString(PyExc_ValueError, e.what());
    }
  });
  pyframe::bind_config(m);
  pyframe::bind_graph(m);
  pyframe::bind_plan(m);
}
