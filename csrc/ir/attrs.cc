#include "ir/attrs.h"

namespace pyframe {

const AttrValue* Attrs::find(const char* name) const {
  const auto it = values_.find(name);
  return it == values_.end() ? nullptr : &it->second;
}

int64_t Attrs::integer(const char* name, int64_t fallback) const {
  const AttrValue* value = find(name);
  if (value == nullptr) return fallback;
  if (const auto* number = std::get_if<int64_t>(value)) return *number;
  throw Error(cat("attribute '", name, "' must be an integer. Received: ", to_string(*value)));
}

double Attrs::number(const char* name, double fallback) const {
  const AttrValue* value = find(name);
  if (value == nullptr) return fallback;
  if (const auto* number = std::get_if<double>(value)) return *number;
  if (const auto* number = std::get_if<int64_t>(value)) return static_cast<double>(*number);
  throw Error(cat("attribute '", name, "' must be a number. Received: ", to_string(*value)));
}

std::string Attrs::text(const char* name, const std::string& fallback) const {
  const AttrValue* value = find(name);
  if (value == nullptr) return fallback;
  if (const auto* string = std::get_if<std::string>(value)) return *string;
  throw Error(cat("attribute '", name, "' must be a string. Received: ", to_string(*value)));
}

Ints Attrs::ints(const char* name, const Ints& fallback) const {
  const AttrValue* value = find(name);
  if (value == nullptr) return fallback;
  if (const auto* list = std::get_if<Ints>(value)) return *list;
  if (const auto* list = std::get_if<std::vector<double>>(value); list && list->empty()) return {};
  if (const auto* number = std::get_if<int64_t>(value)) return {*number};
  throw Error(
      cat("attribute '", name, "' must be a list of integers. Received: ", to_string(*value)));
}

namespace {

template <typename V>
std::string list_text(const V& values) {
  std::string text = "[";
  for (size_t i = 0; i < values.size(); ++i) text += (i ? ", " : "") + cat(values[i]);
  return text + "]";
}

struct Printer {
  std::string operator()(int64_t v) const { return std::to_string(v); }
  std::string operator()(double v) const { return cat(v); }
  std::string operator()(const std::string& v) const { return "'" + v + "'"; }
  std::string operator()(const Ints& v) const { return list_text(v); }
  std::string operator()(const std::vector<double>& v) const { return list_text(v); }
};

}  // namespace

std::string to_string(const AttrValue& value) { return std::visit(Printer{}, value); }

}  // namespace pyframe
