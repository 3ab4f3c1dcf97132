// A file that one process holds.
#pragma once

#include <string>
#include <utility>

#include "platform/files/files.hpp"

namespace corral::files {

// Let go of explicitly at its end: a process that was being started just then has a copy of the descriptor until it
// runs its program, and would hold the file with it.
class FileLock {
public:
    FileLock() = default;  // holds nothing
    explicit FileLock(Descriptor file) : file_(std::move(file)) {}
    FileLock(FileLock&&) noexcept = default;
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock() { unlock(); }
    explicit operator bool() const { return static_cast<bool>(file_); }

private:
    void unlock();
    Descriptor file_;
};

// By flock; the file is made when missing and never removed. Errc::conflict when somebody else holds it, in this
// process or another.
Result<FileLock> lock_file(const std::string& path);

}  // namespace corral::files
