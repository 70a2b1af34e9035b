// Named attributes of an operator.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "common/check.h"

namespace pyframe {

using Ints = std::vector<int64_t>;
using AttrValue = std::variant<int64_t, double, std::string, Ints, std::vector<double>>;

class Attrs {
 public:
  using Map = std::map<std::string, AttrValue>;
  Attrs() = default;
  Attrs(std::initializer_list<Map::value_type> values) : values_(values) {}

  void set(const std::string& name, AttrValue value) { values_[name] = std::move(value); }
  bool has(const std::string& name) const { return values_.count(name) > 0; }
  const Map& values() const { return values_; }

  int64_t integer(const char* name, int64_t fallback) const;
  double number(const char* name, double fallback) const;
  bool flag(const char* name, bool fallback) const { return integer(name, fallback) != 0; }
  std::string text(const char* name, const std::string& fallback) const;
  Ints ints(const char* name, const Ints& fallback) const;

 private:
  const AttrValue* find(const char* name) const;
  Map values_;
};

std::string to_string(const AttrValue& value);

}  // namespace pyframe
