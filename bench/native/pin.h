#pragma once

#include <sched.h>
#include <unistd.h>

namespace tickforge::bench {

/// Keeps the calling thread on one core; does nothing on a machine that has fewer.
inline void pin_to_core(unsigned core) {
  if (core >= static_cast<unsigned>(::sysconf(_SC_NPROCESSORS_ONLN))) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  (void)::sched_setaffinity(0, sizeof cores, &cores);
}

}  // namespace tickforge::bench
