// What every fuzz target shares. A target defines one(), which tries one input and calls must() for what may never be
// otherwise; crashes, sanitizer reports, leaks and inputs that take too long are findings by themselves.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

void one(std::string_view input);

extern "C" inline int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    one({reinterpret_cast<const char*>(data), size});
    return 0;
}

inline void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}

// libFuzzer needs the symbol in every target.
#define CORRAL_FUZZ_TARGET [[maybe_unused]] static const auto keep_entry = &LLVMFuzzerTestOneInput
