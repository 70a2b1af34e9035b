// Errors that reach the user as Python exceptions.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace pyframe {

// Bad arguments: becomes ValueError.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Use at the wrong moment (a training plan entered twice): becomes RuntimeError.
class StateError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

template <typename... Parts>
std::string cat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

template <typename... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) throw Error(cat(parts...));
}

}  // namespace pyframe
