// How many threads the next run of a plan should have.
//
// A parallel region ends when its last thread does. If another program holds one of the cores, that
// is a scheduler time slice later, although the work was long done by the others. Results do not
// depend on the number of threads, so a plan may fall back to one thread as soon as that is faster,
// and look again from time to time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace pyframe {

class TeamSize {
 public:
  TeamSize() = default;

  // 1 or `most`.
  int choose(int most) {
    if (most != most_) *this = TeamSize(most);
    return serial_left_ > 0 ? 1 : most;
  }

  // Of `steps` steps, those that run before the choice is due again.
  int64_t until_next(int64_t steps) const {
    if (most_ == 1) return steps;
    const double step = serial_left_ > 0 ? serial_ : step_;
    const double seconds = serial_left_ > 0 ? serial_left_ : kLookAgain;
    if (step == 0) return 1;
    return std::clamp(static_cast<int64_t>(std::min(seconds / step, 1e6)), int64_t{1}, steps);
  }

  // A run on this many threads took `seconds` in all, `step` seconds a step.
  void record(int threads, double seconds, double step) {
    if (threads == 1) {
      serial_ = serial_ == 0 ? step : std::min(step, serial_ * 1.01);
      serial_left_ -= seconds;
      return;
    }
    const bool unknown = serial_ == 0 && ++runs_ > kWarmUp;
    step_ = step;
    const bool slow = serial_ > 0 && step > serial_;
    slow_ = slow ? slow_ + 1 : 0;
    slow_seconds_ = slow ? slow_seconds_ + seconds : 0;
    if (unknown || (slow_ >= kSlowRuns && slow_seconds_ >= kSlowSeconds)) {
      slow_ = 0;
      slow_seconds_ = 0;
      // The first look at one thread, or the second thread is more hindrance than help.
      serial_left_ = patience_;
      if (!unknown) patience_ = std::min(2 * patience_, kLongest);
    } else if (step < kGood * serial_) {
      patience_ = kShortest;
    }
  }

 private:
  explicit TeamSize(int most) : most_(most) {}

  static constexpr int kWarmUp = 2;  // runs that touch memory for the first time tell nothing
  // The first runs after a pause may be slow: threads asleep, caches full of other data.
  static constexpr int kSlowRuns = 2;
  static constexpr double kSlowSeconds = 0.0005;
  static constexpr double kGood = 0.8;
  // Seconds of running on one thread before the next look at two; the look itself costs a time
  // slice or two, some 10 ms, when a core is still taken.
  static constexpr double kShortest = 0.002, kLongest = 0.1;
  static constexpr double kLookAgain = 0.05;  // seconds of running on all threads

  int most_ = 0;
  int runs_ = 0;
  int slow_ = 0;  // runs on all threads, one after the other, that were slower than on one
  double slow_seconds_ = 0;  // that they took
  double step_ = 0;          // seconds a step on all threads, in the last run
  double serial_ = 0;        // seconds a step on one thread, quickest of late
  double serial_left_ = 0;   // seconds still to run on one thread
  double patience_ = kShortest;
};

}  // namespace pyframe
