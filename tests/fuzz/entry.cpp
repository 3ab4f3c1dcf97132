// What libFuzzer calls.
#include <cstdint>

#include "fuzz.hpp"

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    one({reinterpret_cast<const char*>(data), size});
    return 0;
}
