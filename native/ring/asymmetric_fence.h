// Dekker's pattern between somebody who does it all the time and somebody who does it seldom.
//
// A producer publishes and then looks whether anybody sleeps; a sleeper says so and then looks whether anything was
// published. Each side needs a full fence between its store and its load, or both may miss the other. Publishing happens
// millions of times a second and sleeping does not, so the sleeper pays for both: membarrier(2) makes every running
// thread of every registered process pass a full fence. The producer is left with a fence that only the compiler sees.
//
// Where the kernel has no membarrier, a producer finds that out when it registers, and keeps its own full fence.
#pragma once

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace tickforge {

/// Registers this process as one whose threads the sleepers' fence reaches. False: its producers need fences of their own.
inline bool register_for_fences() {
  static const bool registered =
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
  return registered;
}

/// The seldom side's fence, between saying that one is going to sleep and looking once more. False: there is none, and a
/// sleep must be short.
inline bool fence_all_producers() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0) == 0;
}

/// The often side's fence, between publishing and looking who sleeps.
inline void light_fence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace tickforge
