// Tests every compute kernel at every instruction-set level that this machine has.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "check.h"
#include "tests.h"

namespace pyframe::test {
namespace {

template <typename T>
void run_all(const KernelTable<T>& kernels) {
#define PF_RUN_TEST(name) name(kernels);
  PF_TESTS(PF_RUN_TEST)
#undef PF_RUN_TEST
}

void run_level(const IsaLevel& level) {
  if (!level.supported()) {
    set_case("%s", level.name);
    expect(!set_active_isa(level.name), "a level that the machine lacks was selected");
    std::printf("%s: not supported by this machine\n", level.name);
    return;
  }
  const Tally before = tally;
  set_case("%s", level.name);
  expect(set_active_isa(level.name), "the level cannot be selected");
  expect(&active_isa() == &level, "another level is active");
  expect(&kernels<float>() == level.f32 && &kernels<double>() == level.f64, "other kernels");
  run_all(*level.f32);
  run_all(*level.f64);
  std::printf("%s: %lld checks, %lld failures\n", level.name,
              static_cast<long long>(tally.checks - before.checks),
              static_cast<long long>(tally.failures - before.failures));
  std::fflush(stdout);
}

int run() {
  int count = 0;
  const IsaLevel* const* levels = isa_levels(&count);
  set_case("levels");
  const IsaLevel* best = nullptr;
  for (int i = 0; i < count; ++i) {
    if (levels[i]->supported()) best = levels[i];
  }
  expect(best != nullptr && &active_isa() == best, "the best level is not active at first");
  expect(!set_active_isa("nonsense"), "an unknown level was selected");
  expect(&active_isa() == best, "an unknown level changed the active one");
  test_team_size();
  for (int i = 0; i < count; ++i) run_level(*levels[i]);
  std::printf("%lld checks, %lld failures\n", static_cast<long long>(tally.checks),
              static_cast<long long>(tally.failures));
  return tally.failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pyframe::test

// "accuracy n [function]" prints largest errors over every n-th float; without arguments all tests
// run.
int main(int argc, char** argv) {
  using namespace pyframe;
  if (argc < 3 || std::strcmp(argv[1], "accuracy") != 0) return test::run();
  int count = 0;
  const IsaLevel* const* levels = isa_levels(&count);
  for (int i = 0; i < count; ++i) {
    if (!levels[i]->supported()) continue;
    test::print_accuracy(*levels[i], argc > 3 ? argv[3] : nullptr,
                         std::strtoull(argv[2], nullptr, 10));
  }
  return 0;
}
