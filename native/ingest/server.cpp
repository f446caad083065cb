#include "ingest/server.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "ingest/protocol_chooser.h"

namespace tickforge {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;
/// A client's turn is over when a read brings less than kGoOnBytes, or when it has brought kTurnBytes in all. Longer turns
/// than one read, because what a client sends during its turn is still in the caches when it is read.
constexpr std::size_t kGoOnBytes = 16 * 1024;
constexpr std::size_t kTurnBytes = 1024 * 1024;
/// Turns are taken for so long before events and acknowledgements are looked at.
constexpr std::int64_t kPassNs = 2'000'000;

constexpr std::uint64_t kWakeToken = ~std::uint64_t{0};
constexpr std::uint64_t kListenerBit = std::uint64_t{1} << 63;

/// A client that was told the end may take this long to read it.
constexpr std::int64_t kLingerNs = 1'000'000'000;
/// When the kernel had no memory for a client.
constexpr std::int64_t kAcceptAgainNs = 100'000'000;
constexpr std::int64_t kCheckNsMax = 1'000'000'000;
constexpr std::int64_t kCheckNsMin = 10'000'000;
/// What a stop may wait for room to record that clients were cut off.
constexpr std::int64_t kStopNs = 2'000'000'000;

std::uint32_t cells_of(std::size_t bytes) { return static_cast<std::uint32_t>(bytes / kCellBytes); }

/// What one read can bring, at least.
std::uint32_t room_for(const IngestOptions& options) { return cells_of(options.payload_bytes_max + kReadBytes); }

Error usage(const std::string& message) { return Error{"TF_USAGE", message, "", 0}; }

Result<void> check(const IngestOptions& options) {
  if (options.listen.empty()) return usage("the server has no address to listen on");
  auto mapping = check_line_mapping(options.mapping);
  if (!mapping) return mapping.error();
  if (!options.token.empty() && options.token.find_first_not_of(" \t\r\n") == std::string::npos) {
    return usage("the token is blank");
  }
  if (options.token.size() > wire::kTokenBytesMax) {
    return usage("the token is longer than " + std::to_string(wire::kTokenBytesMax) + " bytes");
  }
  if (std::size_t{room_for(options)} * kCellBytes * 2 > options.ring_bytes) {
    return usage("frames of " + std::to_string(options.payload_bytes_max) + " bytes need a ring of at least " +
                 std::to_string(std::size_t{room_for(options)} * kCellBytes * 2) + " bytes, and it has " +
                 std::to_string(options.ring_bytes));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<IngestServer>> IngestServer::start(RingSet& rings, IngestOptions options) {
  auto checked = check(options);
  if (!checked) return checked.error();
  auto loop = EpollLoop::create();
  if (!loop) return loop.error();
  auto wake = WakeUp::create();
  if (!wake) return wake.error();
  auto progress_event = wake.value().share();
  if (!progress_event) return progress_event.error();
  std::vector<Listener> listeners;
  for (const std::string& address : options.listen) {
    auto listener = Listener::open(address, options.token);
    if (!listener) return listener.error();
    auto watched = loop.value().add(listener.value().fd(), kListenerBit | listeners.size());
    if (!watched) return watched.error();
    listeners.push_back(listener.take());
  }
  auto watched = loop.value().add(wake.value().fd(), kWakeToken);
  if (!watched) return watched.error();
  auto inlet = rings.add(options.ring_bytes);
  if (!inlet) return inlet.error();
  inlet.value().ring->set_progress_event(progress_event.take());
  auto server = std::unique_ptr<IngestServer>(
      new IngestServer(rings, std::move(options), inlet.take(), loop.take(), wake.take()));
  server->listeners_ = std::move(listeners);
  for (const Listener& listener : server->listeners_) server->addresses_.push_back(listener.address());
  server->thread_ = std::thread([raw = server.get()] { raw->run(); });
  return server;
}

IngestServer::IngestServer(RingSet& rings, IngestOptions options, Inlet inlet, EpollLoop loop, WakeUp wake)
    : rings_(rings),
      options_(std::move(options)),
      inlet_(std::move(inlet)),
      loop_(std::move(loop)),
      wake_(std::move(wake)),
      context_(options_, *inlet_.ring, rings.table(), stats_),
      chooser_(make_protocol_chooser(context_)),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kReadBytes)),
      room_cells_(room_for(options_)) {}

IngestServer::~IngestServer() { stop(); }

void IngestServer::stop() {
  const std::lock_guard stopping(stop_mutex_);
  if (!thread_.joinable()) return;
  stop_asked_.store(true, std::memory_order_release);
  wake_.signal();
  thread_.join();
  listeners_.clear();
  rings_.end(inlet_);
}

void IngestServer::run() {
  ::pthread_setname_np(::pthread_self(), "tf-ingest");
  context_.appender.ring().populate();
  while (!stop_asked_.load(std::memory_order_acquire)) {
    now_ = monotonic_ns();
    context_.now = realtime_ns();
    follow_ring();
    read_ready();
    if (accept_later_) accept_again();
    if (now_ - checked_ >= kCheckNsMin) check_times();
    const auto events = loop_.wait(sleep_ns());
    now_ = monotonic_ns();
    for (const LoopEvent& event : events) handle(event);
  }
  close_all();
}

std::int64_t IngestServer::sleep_ns() {
  if (!ready_.empty()) return 0;
  if (!owing_.empty() || !room_waiters_.empty()) {
    context_.appender.ring().tell_progress();
    // Once more, behind the wish to be told.
    if (follow_ring() || !ready_.empty()) return 0;
  }
  if (accept_later_) return kAcceptAgainNs;
  if (stats_.clients.get() == 0) return -1;
  std::int64_t shortest = std::min({options_.hello_ns, options_.answer_ns, kLingerNs});
  if (options_.idle_ns > 0) shortest = std::min(shortest, options_.idle_ns);
  return std::clamp(shortest / 4, kCheckNsMin, kCheckNsMax);
}

void IngestServer::handle(const LoopEvent& event) {
  if (event.token == kWakeToken) {
    wake_.clear();
    return;
  }
  if ((event.token & kListenerBit) != 0) {
    accept_clients(listeners_[event.token & ~kListenerBit]);
    return;
  }
  const auto index = static_cast<std::uint32_t>(event.token);
  Slot& slot = slots_[index];
  if (!slot.session || slot.generation != static_cast<std::uint32_t>(event.token >> 32)) return;
  if (event.writable && slot.session->has_unsent()) settle(index);
  if (!slot.session) return;
  slot.hung_up = slot.hung_up || event.ended;
  if (event.readable) make_ready(index);
}

void IngestServer::accept_clients(Listener& listener) {
  for (;;) {
    UniqueFd client;
    switch (listener.accept(client)) {
      case Listener::Outcome::kClient:
        add_client(std::move(client));
        break;
      case Listener::Outcome::kRefused:
        stats_.clients_refused.add();
        break;
      case Listener::Outcome::kPause:
        accept_later_ = true;
        return;
      case Listener::Outcome::kNone:
        return;
    }
  }
}

void IngestServer::accept_again() {
  accept_later_ = false;
  for (Listener& listener : listeners_) accept_clients(listener);
}

void IngestServer::add_client(UniqueFd socket) {
  if (writer_ended_ || (stats_.clients.get() >= options_.clients_max && !evict())) {
    stats_.clients_refused.add();
    return;
  }
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t index = free_slots_.back();
  Slot& slot = slots_[index];
  const std::uint64_t token = (std::uint64_t{slot.generation} << 32 & ~kListenerBit) | index;
  if (!loop_.add(socket.get(), token)) {
    stats_.clients_refused.add();
    return;
  }
  free_slots_.pop_back();
  slot.session = std::make_unique<ClientSession>(std::move(socket), *chooser_, now_);
  stats_.clients.add();
  stats_.clients_total.add();
}

bool IngestServer::evict() {
  Slot* oldest = nullptr;
  for (Slot& slot : slots_) {
    if (!slot.session || slot.session->admitted()) continue;
    if (oldest == nullptr || slot.session->since() < oldest->session->since()) oldest = &slot;
  }
  if (oldest == nullptr) return false;
  stats_.clients_refused.add();
  oldest->session->abandon();
  settle(static_cast<std::uint32_t>(oldest - slots_.data()));
  return oldest->session == nullptr;
}

void IngestServer::make_ready(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.ready || slot.waits_for_room) return;
  slot.ready = true;
  ready_.push_back(index);
}

void IngestServer::wait_for_room(std::uint32_t index) {
  Slot& slot = slots_[index];
  if (slot.waits_for_room) return;
  slot.waits_for_room = true;
  room_waiters_.push_back(index);
  stats_.waits.add();
}

void IngestServer::read_ready() {
  const std::int64_t until = now_ + kPassNs;
  // Each one once; who has more to read gets behind the others.
  for (std::size_t left = ready_.size(); left > 0 && now_ < until; --left) {
    const std::uint32_t index = ready_.front();
    ready_.pop_front();
    slots_[index].ready = false;
    if (slots_[index].session) read(index);
    now_ = monotonic_ns();
  }
}

void IngestServer::read(std::uint32_t index) {
  Slot& slot = slots_[index];
  ClientSession& session = *slot.session;
  // What an ended client still sends is thrown away, for which no room is needed.
  if (!session.ended() && !has_room()) return wait_for_room(index);
  slot.unread = session.backlog() > options_.answer_bytes_max;
  if (slot.unread) return;
  std::size_t bytes = 0;
  std::size_t taken = 0;
  ClientSession::Read outcome;
  const auto goes_on = [&] {
    const bool worth_it = outcome == ClientSession::Read::kMore || outcome == ClientSession::Read::kDrained;
    return worth_it && bytes >= kGoOnBytes && taken < kTurnBytes && !session.ended() &&
           session.backlog() <= options_.answer_bytes_max && has_room();
  };
  do {
    context_.now = realtime_ns();
    outcome = session.read({buffer_.get(), kReadBytes}, now_, bytes);
    stats_.bytes.add(bytes);
    taken += bytes;
    publish();
  } while (goes_on());
  switch (outcome) {
    case ClientSession::Read::kMore:
      make_ready(index);
      break;
    case ClientSession::Read::kBlocked:
      slot.unread = session.backlog() > options_.answer_bytes_max;
      if (!slot.unread) wait_for_room(index);
      break;
    case ClientSession::Read::kBroken:
      session.abandon();
      break;
    case ClientSession::Read::kLeft:
      session.hear_end();
      break;
    case ClientSession::Read::kDrained:
      if (slot.hung_up && bytes != 0) make_ready(index);
      break;
  }
  settle(index);
}

void IngestServer::publish() {
  SpscRing& ring = context_.appender.ring();
  context_.appender.publish();
  if (!context_.wants_durable) return;
  context_.wants_durable = false;
  ring.ask_durable(ring.published());
}

bool IngestServer::follow_ring() {
  SpscRing& ring = context_.appender.ring();
  const RingProgress progress = ring.progress();
  bool moved = false;
  if (progress.taken != seen_.taken || progress.written != seen_.written || progress.durable != seen_.durable) {
    seen_ = progress;
    moved = true;
    // settle() takes out who owes nothing any more.
    const std::vector<std::uint32_t> owing = std::exchange(owing_, {});
    for (const std::uint32_t index : owing) {
      slots_[index].owing = false;
      if (slots_[index].session) settle(index);
    }
  }
  if (!room_waiters_.empty() && (has_room() || writer_ended_)) {
    moved = true;
    for (const std::uint32_t index : std::exchange(room_waiters_, {})) {
      slots_[index].waits_for_room = false;
      if (!slots_[index].session) continue;
      slots_[index].session->touch(now_);
      make_ready(index);
      settle(index);
    }
  }
  if (!writer_ended_ && ring.state() != RingState::kOpen) {
    writer_ended_ = true;
    end_all(wire::Code::kWriterFailed, "the journal is not written any more");
  }
  return moved;
}

void IngestServer::settle(std::uint32_t index) {
  Slot& slot = slots_[index];
  ClientSession& session = *slot.session;
  // Twice: an acknowledgement is put off while older answers are unsent.
  bool sent = session.send(now_);
  session.progressed(seen_);
  sent = sent && session.send(now_);
  if (!sent) session.abandon();
  if (slot.unread && session.backlog() <= options_.answer_bytes_max) {
    slot.unread = false;
    make_ready(index);
  }
  if (!slot.left && (session.ended() || session.heard_end() || session.broken())) {
    // When the writer has ended, nothing can be recorded any more.
    slot.left = session.leave() || writer_ended_;
    publish();
    if (!slot.left) return wait_for_room(index);
  }
  if (session.broken()) return drop(index);
  if (session.owes_answer() && !session.ended()) {
    if (!slot.owing) owing_.push_back(index);
    slot.owing = true;
    return;
  }
  if (session.has_unsent() || !slot.left) return;
  if (session.heard_end()) return drop(index);
  if (slot.finished) return;
  slot.finished = true;
  slot.finished_at = now_;
  session.finish();
  make_ready(index);
}

void IngestServer::drop(std::uint32_t index) {
  Slot& slot = slots_[index];
  const std::uint32_t generation = slot.generation + 1;
  // Its places in the lists stay until they are looked at; they are flagged as before.
  const bool ready = slot.ready;
  const bool waits = slot.waits_for_room;
  const bool owing = slot.owing;
  slot = Slot{};
  slot.generation = generation & 0x7FFF'FFFF;
  slot.ready = ready;
  slot.waits_for_room = waits;
  slot.owing = owing;
  free_slots_.push_back(index);
  stats_.clients.subtract();
}

void IngestServer::check_times() {
  checked_ = now_;
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].session) check_times_of(index);
  }
}

void IngestServer::check_times_of(std::uint32_t index) {
  Slot& slot = slots_[index];
  ClientSession& session = *slot.session;
  const auto drop_it = [&] {
    session.abandon();
    settle(index);
  };
  // It is told the end after hello_ns. One that reads that slowly is not waited for, however steadily it reads.
  if (!session.admitted() && now_ - session.since() > options_.hello_ns + options_.answer_ns) return drop_it();
  if (slot.finished) {
    if (now_ - slot.finished_at > kLingerNs) drop_it();
    return;
  }
  if (session.has_unsent() && now_ - session.answers_moved() > options_.answer_ns) {
    // Telling it would be one more answer that it does not read.
    stats_.refuse(wire::Code::kTimeout);
    return drop_it();
  }
  if (session.ended() || session.heard_end() || slot.waits_for_room || session.owes_answer()) return;
  if (!session.admitted()) {
    if (now_ - session.since() > options_.hello_ns) {
      if (!session.chosen()) stats_.refuse(wire::Code::kTimeout);
      end(index, wire::Code::kTimeout, "no hello came in time");
    }
  } else if (options_.idle_ns > 0 && now_ - session.heard() > options_.idle_ns) {
    end(index, wire::Code::kTimeout, "nothing was sent for " + std::to_string(options_.idle_ns / 1'000'000) + " ms");
  }
}

void IngestServer::end(std::uint32_t index, wire::Code code, std::string_view text) {
  slots_[index].session->end(code, text);
  settle(index);
}

void IngestServer::end_all(wire::Code code, std::string_view text) {
  for (std::uint32_t index = 0; index < slots_.size(); ++index) {
    if (slots_[index].session && !slots_[index].session->ended()) end(index, code, text);
  }
}

void IngestServer::close_all() {
  SpscRing& ring = context_.appender.ring();
  const std::int64_t deadline = monotonic_ns() + kStopNs;
  const auto in_time = [&] {
    now_ = monotonic_ns();
    return now_ < deadline && !writer_ended_;
  };
  // What was read is recorded in any case; who waits to hear so need not send it again.
  while (follow_ring(), !owing_.empty() && in_time()) {
    ring.ask_durable(ring.published());
    ring.tell_progress();
    if (follow_ring()) continue;
    for (const LoopEvent& event : loop_.wait(kCheckNsMin)) {
      if (event.token == kWakeToken) wake_.clear();
    }
  }
  end_all(wire::Code::kStopping, "the server stops");
  for (Slot& slot : slots_) {
    while (slot.session && !slot.left && !slot.session->leave() && in_time()) {
      publish();
      ring.wait_for_space(room_cells_, kCheckNsMin);
    }
  }
  publish();
  slots_.clear();
  stats_.clients.set(0);
}

}  // namespace tickforge
