// Everything that tickforge_bench can measure. Each reads its options, measures, checks what it did and reports.
#pragma once

#include "options.h"
#include "report.h"

namespace tickforge::bench {

// Limits: what the machine does without us.

/// raw_writes.cpp. `path`, `size` (bytes a write), `direct` (0, 1), `seconds`: sequential writes of a new file, fdatasync after each.
Report raw_sequential(Options& options);
/// `path`, `seconds`: 64 bytes and fdatasync, again and again.
Report raw_each_record(Options& options);
/// `path`, `direct`, `seconds`: 4 KiB of an initialised file and fdatasync, again and again.
Report raw_overwrite(Options& options);
/// visible.cpp. `samples`, or fewer in `seconds`, `parked` (0, 1), `interval` (µs): a word of shared memory from one process to another.
Report raw_visible(Options& options);
/// lines.cpp. `rounds`: memchr for every line end of 100,000 lines.
Report raw_memchr(Options& options);
/// sink_server.cpp. `listen`, `clients`: reads what they send until all have gone. Says `ready PORT` first.
Report sink_server(Options& options);

// What both sides are driven by.

/// sender.cpp. `to`, `clients`, `batches` (a client), `level` (of acknowledgements; 0 = the reference server).
Report sender(Options& options);

// Ours.

/// durable.cpp. `directory`, `seconds` or `records`, `ring` (MiB): trades through ring, writer thread and disk, all
/// acknowledged.
Report durable_rate(Options& options);
/// `directory`, `seconds`, `rate` (records/s): from a record's scheduled time to its durability.
Report durable_latency(Options& options);
/// ring_push.cpp. `rounds`, `meanwhile` (0, 1: is it emptied while it is filled?): pushes of one record into the ring, and
/// into a queue of our own in rigtorp's shape.
Report ring_push(Options& options);
/// visible.cpp. As raw_visible(), and `directory`: a record from the recorder to a tail in another process.
Report tail_visible(Options& options);
/// ingest_server.cpp. `listen`, `clients`, `directory` (none: a ring that is only emptied): serves until all clients have
/// gone. Says `ready PORT` first.
Report ingest_server(Options& options);
/// lines.cpp. `rounds`: the same 100,000 lines to records.
Report line_rows(Options& options);
/// day.cpp. `directory`, `records`: a day of trades whose writer is killed. Reports `first` and `step` of ts_recv, ns.
Report day_fill(Options& options);
/// `directory`, `records`, `first`, `step`, `samples`, `cold` (0, 1): the first record of random instants, in milliseconds;
/// of any of them the most major page `faults`, and the most `kib` read from the disk, what the kernel reads ahead included.
Report day_find(Options& options);
/// `directory`: opens the journal of the killed writer.
Report day_recover(Options& options);
Report reference_push(Options& options);

}  // namespace tickforge::bench
