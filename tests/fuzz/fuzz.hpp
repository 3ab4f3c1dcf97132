// What every fuzz target shares. A target defines one(), which tries one input and calls must() for what may never be
// otherwise; crashes, sanitizer reports, leaks and inputs that take too long are findings by themselves.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

void one(std::string_view input);

inline void must(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "does not hold: %s\n", what);
    std::abort();
}
