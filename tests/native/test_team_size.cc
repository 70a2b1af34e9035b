// The number of threads that a plan's next run gets, from the times of the runs before.
#include "check.h"
#include "graph/team_size.h"
#include "tests.h"

namespace pyframe::test {
namespace {

constexpr int64_t kMany = 1000000;
constexpr double kStep = 1e-4;  // seconds on one thread

// One run of as many steps as the size wants, `two` seconds each on two threads; returns how many
// threads it had.
int run(TeamSize& size, double two, int64_t* steps = nullptr) {
  const int threads = size.choose(2);
  const int64_t n = size.until_next(kMany);
  expect(n >= 1 && n <= kMany, "no step, or more than there are");
  const double step = threads == 1 ? kStep : two;
  size.record(threads, static_cast<double>(n) * step, step);
  if (steps != nullptr) *steps = n;
  return threads;
}

// Runs until the choice changes from `threads`; returns how long that took in seconds.
double stays(TeamSize& size, int threads, double two) {
  double seconds = 0;
  for (int i = 0; i < 100000; ++i) {
    TeamSize before = size;
    int64_t steps = 0;
    if (run(size, two, &steps) != threads) {
      size = before;
      return seconds;
    }
    seconds += static_cast<double>(steps) * (threads == 1 ? kStep : two);
  }
  return seconds;
}

}  // namespace

void test_team_size() {
  set_case("team size");
  TeamSize one;
  expect(one.choose(1) == 1 && one.until_next(kMany) == kMany, "one thread has a choice");

  TeamSize fast;
  stays(fast, 2, kStep / 2);
  expect(fast.choose(2) == 1, "one thread is never tried");
  expect(stays(fast, 1, kStep / 2) < 0.01, "it is tried for long");
  expect(stays(fast, 2, kStep / 2) > 10, "two threads are left although they are faster");

  // A long run is cut, so that the choice is due again soon after a core is taken.
  int64_t steps = 0;
  run(fast, kStep / 2, &steps);
  expect(static_cast<double>(steps) * kStep / 2 < 0.1, "a run of seconds is not cut");
  expect(fast.until_next(3) == 3, "a short run is cut");

  // The threads of short steps need some to wake up.
  for (int i = 0; i < 3; ++i) fast.record(2, 1.5 * kStep, 1.5 * kStep);
  expect(fast.choose(2) == 2, "three short steps are enough");
  run(fast, kStep / 2);

  fast.record(2, 9 * kStep, 9 * kStep);
  expect(fast.choose(2) == 2, "one slow step is enough");
  fast.record(2, 9 * kStep, 9 * kStep);
  expect(fast.choose(2) == 1, "two slow steps are not enough");
  // While the core stays taken, looks at two threads become rarer, but never stop.
  double patience = stays(fast, 1, 10 * kStep);
  for (int look = 0; look < 10; ++look) {
    stays(fast, 2, 10 * kStep);
    const double next = stays(fast, 1, 10 * kStep);
    expect(next >= patience * 0.99 && next < 0.5, "the next look is sooner, or much too late");
    patience = next;
  }
  expect(patience > 0.05, "looks stay as frequent as at first");
  expect(stays(fast, 2, kStep / 2) > 10, "two threads are not taken back");

  // Beside another program quick and slow steps take turns: one quick step is no reason to stay.
  TeamSize mixed;
  stays(mixed, 2, 10 * kStep);
  int64_t counts[3] = {0, 0, 0};
  for (int i = 0; i < 100000; ++i) {
    const int threads = mixed.choose(2);
    const double step = threads == 1 ? 100 * kStep : (i % 2 == 0 ? 60 : 190) * kStep;
    mixed.record(threads, step, step);
    ++counts[threads];
  }
  expect(counts[2] * 10 < counts[1], "quick steps between slow ones keep two threads");

  TeamSize slow;
  stays(slow, 2, 10 * kStep);
  expect(stays(slow, 1, 10 * kStep) > 0, "slow threads are kept");
  expect(slow.choose(3) == 3, "another number of threads is not tried afresh");
}

}  // namespace pyframe::test
