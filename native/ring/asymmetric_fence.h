// Dekker's pattern between somebody who does it all the time and somebody who does it seldom.
//
// A producer publishes and then looks whether anybody sleeps; a sleeper says so and then looks whether anything was
// published. Each side needs a full fence between its store and its load, or both may miss the other. Publishing happens
// millions of times a second and sleeping does not, so the sleeper pays for both: membarrier(2) makes the running threads
// of a process pass a full fence. The producer is left with a fence that only the compiler sees.
//
// What is relied on is the fence of a thread for its own process (PRIVATE_EXPEDITED). The one for other processes
// (GLOBAL_EXPEDITED) lost a wake-up in a thousand million hand-overs. We take it, and have not proved, that the kernel
// passes over a processor: it notes for each whether what runs there has registered, and may not note it anew for a thread
// that comes back to a processor that was idle meanwhile. So a producer of another process than its consumer keeps a fence
// of its own, and a reader of another process, whose sleep ends by itself, may look a little late once in millions of sleeps.
#pragma once

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

namespace tickforge {

/// Registers this process as one whose threads the sleepers' fences reach. False where the kernel has none: its producers
/// need fences of their own.
inline bool register_for_fences() {
  static const bool registered =
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0 &&
      ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0) == 0;
  return registered;
}

/// The seldom side's fence for all threads of this process, between saying that one is going to sleep and looking once
/// more.
inline void fence_own_threads() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  // It fails only where register_for_fences() has: then there is no producer that relies on it.
  (void)::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
}

/// The same for the threads of all processes, as far as it goes: who calls it must not sleep for long.
inline void fence_other_processes() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  (void)::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0);
}

/// The often side's fence, between publishing and looking who sleeps.
inline void light_fence() { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace tickforge
