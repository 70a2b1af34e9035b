#include "ir/op.h"

#include <algorithm>
#include <map>

namespace pyframe {
namespace {

std::map<std::string, OpDef>& registry() {
  static std::map<std::string, OpDef> table;
  return table;
}

}  // namespace

void OpContext::fail(const std::string& message) const {
  std::string text = cat("[", def.name, "] ", message, " Received: shapes ");
  for (size_t i = 0; i < inputs.size(); ++i) text += (i ? ", " : "") + to_string(inputs[i].shape);
  for (const auto& [name, value] : attrs.values()) text += cat(", ", name, "=", to_string(value));
  throw Error(text);
}

const std::string& op_name(const OpDef& def) { return def.name; }

bool register_op(OpDef def) {
  const std::string name = def.name;
  return registry().emplace(name, std::move(def)).second;
}

const OpDef& find_op(const std::string& name) {
  const auto it = registry().find(name);
  check(it != registry().end(), "unknown operator '", name,
        "'. pyframe._core.operators() lists the known ones");
  return it->second;
}

std::vector<std::string> operator_names() {
  std::vector<std::string> names;
  for (const auto& [name, def] : registry())
    if (!def.internal) names.push_back(name);
  return names;
}

}  // namespace pyframe
