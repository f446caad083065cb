// A ring as JavaScript sees it: its memory, the wake-up, the wait for room. The same for every producer.
#pragma once

#include <napi.h>

#include <memory>

#include "ring/producer_table.h"
#include "ring/spsc_ring.h"

namespace tickforge {

/// Gives `self` the properties ringControl and ringCells; each keeps the ring's memory alive.
void define_ring_memory(Napi::Env env, Napi::Object self, const std::shared_ptr<SpscRing>& ring);
/// wake(): the writer and the live readers, whoever of them sleeps.
Napi::Value wake_sleepers(const Napi::CallbackInfo& info, SpscRing& ring);
/// waitForSpace(cells, timeoutMs): boolean.
Napi::Value wait_for_space(const Napi::CallbackInfo& info, SpscRing& ring);

/// claimInstrument(): number.
Napi::Value claim_instrument(const Napi::CallbackInfo& info, ProducerTable& table);
/// claimConnection(): number; 0 when all are taken.
Napi::Value claim_connection(const Napi::CallbackInfo& info, ProducerTable& table);
/// freeConnection(number).
Napi::Value free_connection(const Napi::CallbackInfo& info, ProducerTable& table);

}  // namespace tickforge
