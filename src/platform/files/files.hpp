// Files on the local disk: owned descriptors, atomic replacement, sparse regions. Any thread; calls block.
// The one place with system calls for files, so that another operating system has one twin to write.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace corral::files {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& o) noexcept {
        close();
        fd_ = std::exchange(o.fd_, -1);
        return *this;
    }
    ~Descriptor() { close(); }
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    explicit operator bool() const { return fd_ >= 0; }
    void close();

private:
    int fd_ = -1;
};

Result<Descriptor> open_read(const std::string& path);
Result<Descriptor> open_write(const std::string& path, bool truncate, unsigned mode = 0600);  // made when missing
Result<std::string> read_file(const std::string& path, std::size_t limit = 64U << 20);
// Whole content or the old one: temporary file in the same folder, fsync, rename, fsync of the folder.
Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode = 0600);
Result<void> make_folders(const std::string& path, unsigned mode = 0700);  // with parents; fine when there
Result<void> remove_tree(const std::string& path);                         // never follows links; fine when absent
Result<void> sync_folder(const std::string& path);
Result<void> sync_data(int fd);
Result<void> pread_all(int fd, void* to, std::size_t size, std::uint64_t offset);  // short file: Errc::invalid
Result<void> pwrite_all(int fd, const void* from, std::size_t size, std::uint64_t offset);
bool exists(const std::string& path);
Result<std::uint64_t> size_of(const std::string& path);
struct Region {
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
};
// Parts of a file that hold data (SEEK_DATA/SEEK_HOLE); the rest reads as zeros.
Result<std::vector<Region>> data_regions(int fd);
struct Space {
    std::uint64_t free_bytes = 0;
    std::uint64_t total_bytes = 0;
};
Result<Space> space_at(const std::string& path);

// May `path` be named by a caller? Resolves links first. Refuses system folders (/etc /proc /sys /dev /run /boot /usr),
// everything below `denied`, and what holds one of those; when `allowed` is not empty, only what lies below one of its
// roots passes. Returns the resolved path. Errc::forbidden with a sentence naming the rule, Errc::not_found when it
// cannot be resolved, Errc::invalid when it is not absolute.
Result<std::string> confine(const std::string& path, const std::vector<std::string>& allowed,
                            const std::vector<std::string>& denied);

}  // namespace corral::files
