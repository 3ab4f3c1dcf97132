#include "platform/files/lock.hpp"

#include <sys/file.h>

#include <cerrno>

namespace corral::files {

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    unlock();
    file_ = std::move(other.file_);
    return *this;
}

void FileLock::unlock() {
    if (file_) ::flock(file_.get(), LOCK_UN);
}

Result<FileLock> lock_file(const std::string& path) {
    Descriptor file = TRY(open_write(path, false, 0600));
    while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) return Error{Errc::conflict, "Another process holds the lock", path};
        return system_error(errno, "lock " + path);
    }
    return FileLock(std::move(file));
}

}  // namespace corral::files
