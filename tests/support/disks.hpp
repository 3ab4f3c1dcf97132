// Disk images and other files for tests: bytes that look like data, at any place in sparse files.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include "platform/files/files.hpp"

namespace corral::testing_support {

// Bytes that do not compress, the same for the same seed.
inline std::string noise(std::size_t size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; i += sizeof(std::uint64_t)) {
        const std::uint64_t value = random();
        std::memcpy(out.data() + i, &value, std::min(sizeof value, size - i));
    }
    return out;
}

// Puts bytes into a file, which is made or grown to `size` where it is smaller; what nobody wrote stays a hole.
inline void write_at(const std::string& path, std::string_view bytes, std::uint64_t offset, std::uint64_t size) {
    auto file = files::open_write(path, false, 0600);
    ASSERT_TRUE(file);
    if (files::size_of(path).value_or(0) < size) {
        ASSERT_EQ(::ftruncate(file->get(), static_cast<off_t>(size)), 0);
    }
    ASSERT_TRUE(files::pwrite_all(file->get(), bytes.data(), bytes.size(), offset));
}

// Do two files read the same? Holes are not read.
inline bool same_content(const std::string& a, const std::string& b) {
    const auto first = files::open_read(a);
    const auto second = files::open_read(b);
    if (!first || !second || files::size_of(a).value() != files::size_of(b).value()) return false;
    std::string left, right;
    for (const auto* file : {&*first, &*second})
        for (const auto& region : files::data_regions(file->get()).value()) {
            left.resize(region.length);
            right.resize(region.length);
            if (!files::pread_all(first->get(), left.data(), left.size(), region.offset) ||
                !files::pread_all(second->get(), right.data(), right.size(), region.offset) || left != right)
                return false;
        }
    return true;
}

}  // namespace corral::testing_support
