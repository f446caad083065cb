// Each part of the addon adds its functions to the exports.
#pragma once

#include <napi.h>

namespace tickforge {

void register_journal(Napi::Env env, Napi::Object exports);
void register_producer(Napi::Env env, Napi::Object exports);
void register_segment(Napi::Env env, Napi::Object exports);
void register_tail(Napi::Env env, Napi::Object exports);
void register_columns(Napi::Env env, Napi::Object exports);

}  // namespace tickforge
