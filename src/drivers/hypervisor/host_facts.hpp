// Small facts about this host that more than one driver shows. Free functions; any thread.
#pragma once

#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <string>

#include "platform/files/files.hpp"

namespace corral::drivers {

// The virtual size of an image: from the header of a qcow2 (QEMU docs/interop/qcow2.txt: magic "QFI\xfb", size as
// big-endian 64 bits at offset 24), otherwise the file's length; 0 when it cannot be read.
inline std::uint64_t virtual_size(const std::string& path) {
    auto file = files::open_read(path);
    if (!file) return 0;
    std::array<unsigned char, 32> head{};
    if (files::pread_all(file->get(), head.data(), head.size(), 0) && head[0] == 'Q' && head[1] == 'F' &&
        head[2] == 'I' && head[3] == 0xfb) {
        std::uint64_t size = 0;
        for (std::size_t i = 24; i < 32; ++i) size = size << 8U | head[i];
        return size;
    }
    return files::size_of(path).value_or(0);
}

// The operating system account this process runs as.
inline std::string account_name() {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (getpwuid_r(geteuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_name;
    return std::to_string(geteuid());
}

inline std::string with_slash(std::string folder) {
    if (!folder.empty() && folder.back() != '/') folder += '/';
    return folder;
}

// An address of the range QEMU and KVM use for their virtual adapters (52:54:00), the same for the same machine.
inline std::string mac_from_id(const std::string& id) {
    std::uint32_t hash = 2166136261U;  // FNV-1a
    for (const char c : id) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    constexpr std::string_view digits = "0123456789abcdef";
    std::string mac = "52:54:00";
    for (const unsigned shift : {16U, 8U, 0U}) {
        const unsigned byte = hash >> shift & 0xffU;
        mac += ':';
        mac += digits[byte >> 4U];
        mac += digits[byte & 15U];
    }
    return mac;
}

}  // namespace corral::drivers
