// The ingest server: clients in, records into a ring of its own, acknowledgements as the writer gets on.
//
// Threads: one, "tf-ingest", owns the listeners, the clients and the producer's side of the ring. It sleeps in epoll
// only; the writer wakes it through an eventfd when the ring's watermarks move and somebody waits for that. It reads
// from a client only while the ring has room for all that one read can bring, so nothing that was read is ever dropped.
// Clients take turns. What a client of the binary protocol sends is read into the ring's free memory; it is published when
// it has been checked there, and what is only a part of a batch is copied out before the next client's turn.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "ingest/client_session.h"
#include "ingest/epoll_loop.h"
#include "ingest/ingest_context.h"
#include "ingest/ingest_options.h"
#include "ingest/listener.h"
#include "ring/ring_set.h"

namespace tickforge {

class IngestServer {
 public:
  /// Listens and starts the thread. `rings` outlives the server. Errors: TF_USAGE, TF_LISTEN, TF_INSECURE_LISTEN,
  /// TF_SHARED_MEMORY, TF_TOO_MANY_PRODUCERS, TF_IO.
  static Result<std::unique_ptr<IngestServer>> start(RingSet& rings, IngestOptions options);
  IngestServer(const IngestServer&) = delete;
  IngestServer& operator=(const IngestServer&) = delete;
  ~IngestServer();

  /// As the listeners were given, with the ports that the kernel chose.
  const std::vector<std::string>& addresses() const { return addresses_; }
  const IngestStats& stats() const { return stats_; }
  /// Tells the clients, ends what they left open in the journal, closes everything and ends the thread. What was taken
  /// from them is in the ring; who wants it durable flushes the journal. Any thread; calling it again does nothing.
  void stop();

 private:
  struct Slot {
    std::unique_ptr<ClientSession> session;
    std::uint32_t generation = 0;  // tells an event of an earlier client with the same place
    bool ready = false;            // in ready_
    bool waits_for_room = false;   // in room_waiters_
    bool owing = false;            // in owing_
    bool hung_up = false;          // no event tells of its end any more: it is read until that is found
    bool left = false;             // what its end means has been recorded
    bool unread = false;           // is not read from, because too many answers wait: for the disk, or to be read
    bool finished = false;         // all answers are sent, and their end
    std::int64_t finished_at = 0;  // monotonic
  };

  IngestServer(RingSet& rings, IngestOptions options, Inlet inlet, EpollLoop loop, WakeUp wake);

  void run();
  void handle(const LoopEvent& event);
  void accept_clients(Listener& listener);
  void accept_again();
  void add_client(UniqueFd socket);
  /// Makes a place by closing the client that has been longest without being let in; false when there is none.
  bool evict();
  void read_ready();
  void read(std::uint32_t index);
  /// After anything happened to a client: sends, records its end, drops it when nothing is left to do.
  void settle(std::uint32_t index);
  void drop(std::uint32_t index);
  void publish();
  /// Acknowledges what has become due; true when something moved.
  bool follow_ring();
  bool has_room() { return context_.appender.space(room_cells_) != nullptr; }
  void wait_for_room(std::uint32_t index);
  void make_ready(std::uint32_t index);
  /// Ends or drops who has used up its time.
  void check_times();
  void check_times_of(std::uint32_t index);
  std::int64_t sleep_ns();
  void end(std::uint32_t index, wire::Code code, std::string_view text);
  void end_all(wire::Code code, std::string_view text);
  void close_all();

  RingSet& rings_;
  const IngestOptions options_;
  const Inlet inlet_;
  EpollLoop loop_;
  WakeUp wake_;
  std::vector<Listener> listeners_;
  std::vector<std::string> addresses_;
  IngestStats stats_;
  std::thread thread_;
  std::atomic<bool> stop_asked_{false};
  std::mutex stop_mutex_;

  // The thread's.
  IngestContext context_;
  std::unique_ptr<ProtocolChooser> chooser_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  const std::uint32_t room_cells_;
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  std::deque<std::uint32_t> ready_;
  std::vector<std::uint32_t> room_waiters_;
  std::vector<std::uint32_t> owing_;
  RingProgress seen_;
  bool writer_ended_ = false;
  bool accept_later_ = false;
  std::int64_t now_ = 0;      // monotonic, of this pass
  std::int64_t checked_ = 0;  // when check_times() last ran
};

}  // namespace tickforge
