// Assertions that stay on in release builds: a broken invariant of the journal must stop the process before it
// writes, never after.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TF_ASSERT(condition)                                                                     \
  do {                                                                                           \
    if (!(condition)) [[unlikely]] {                                                             \
      std::fprintf(stderr, "tickforge: assertion failed: %s (%s:%d)\n", #condition, __FILE__, __LINE__); \
      std::abort();                                                                              \
    }                                                                                            \
  } while (false)
