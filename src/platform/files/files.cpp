#include "platform/files/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

namespace corral::files {

namespace fs = std::filesystem;

void Descriptor::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<Descriptor> open_read(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return system_error(errno, "open " + path);
    return Descriptor(fd);
}

Result<Descriptor> open_write(const std::string& path, bool truncate, unsigned mode) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | (truncate ? O_TRUNC : 0), mode);
    if (fd < 0) return system_error(errno, "open " + path + " for writing");
    return Descriptor(fd);
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
    const Descriptor file = TRY(open_read(path));
    std::string out;
    std::array<char, 65536> buffer{};
    for (;;) {
        const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "read " + path);
        if (got == 0) return out;
        out.append(buffer.data(), static_cast<std::size_t>(got));
        if (out.size() > limit) return Error{Errc::too_large, "A file is larger than expected", path};
    }
}

namespace {

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
    while (!content.empty()) {
        const ssize_t put = ::write(fd, content.data(), content.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, "write " + path);
        content.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<void> write_new(const std::string& path, std::string_view content, unsigned mode) {
    const Descriptor file = TRY(open_write(path, true, mode));
    if (::fchmod(file.get(), mode) != 0) return system_error(errno, "chmod " + path);
    TRY(write_all(file.get(), content, path));
    if (::fsync(file.get()) != 0) return system_error(errno, "fsync " + path);
    return {};
}

}  // namespace

Result<void> replace_file(const std::string& path, std::string_view content, unsigned mode) {
    std::string temporary = path + ".XXXXXX";
    const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
    if (fd < 0) return system_error(errno, "make a temporary file beside " + path);
    ::close(fd);
    auto written = write_new(temporary, content, mode);
    if (written && ::rename(temporary.c_str(), path.c_str()) != 0) written = system_error(errno, "rename to " + path);
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    return sync_folder(fs::path(path).parent_path().string());
}

Result<void> make_folders(const std::string& path, unsigned mode) {
    std::string built = path.starts_with('/') ? "/" : "";
    for (const auto& part : fs::path(path).relative_path()) {
        if (part.empty()) continue;
        built += (built.empty() || built.ends_with('/') ? "" : "/") + part.string();
        if (::mkdir(built.c_str(), mode) != 0 && errno != EEXIST)
            return system_error(errno, "make the folder " + built);
    }
    std::error_code error;
    const fs::file_status made = fs::status(path, error);
    if (!fs::exists(made)) return Error{Errc::not_found, "A folder was removed while it was made", path};
    if (!fs::is_directory(made)) return Error{Errc::conflict, "A file stands where a folder is needed", path};
    return {};
}

Result<void> remove_tree(const std::string& path) {
    std::error_code error;
    fs::remove_all(path, error);  // removes links, does not follow them
    if (error) return system_error(error.value(), "remove " + path);
    return {};
}

Result<void> sync_folder(const std::string& path) {
    const Descriptor folder(::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder) return system_error(errno, "open the folder " + path);
    if (::fsync(folder.get()) != 0) return system_error(errno, "fsync the folder " + path);
    return {};
}

Result<void> sync_data(int fd) {
    if (::fdatasync(fd) != 0) return system_error(errno, "fdatasync");
    return {};
}

Result<void> pread_all(int fd, void* to, std::size_t size, std::uint64_t offset) {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
        const ssize_t got = ::pread(fd, at, size, static_cast<off_t>(offset));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return system_error(errno, "pread");
        if (got == 0) return Error{Errc::invalid, "A file ends earlier than expected"};
        at += got;
        offset += static_cast<std::uint64_t>(got);
        size -= static_cast<std::size_t>(got);
    }
    return {};
}

Result<void> pwrite_all(int fd, const void* from, std::size_t size, std::uint64_t offset) {
    const auto* at = static_cast<const char*>(from);
    while (size > 0) {
        const ssize_t put = ::pwrite(fd, at, size, static_cast<off_t>(offset));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return system_error(errno, "pwrite");
        at += put;
        offset += static_cast<std::uint64_t>(put);
        size -= static_cast<std::size_t>(put);
    }
    return {};
}

bool exists(const std::string& path) {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0;
}

Result<std::uint64_t> size_of(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return system_error(errno, "stat " + path);
    return static_cast<std::uint64_t>(info.st_size);
}

Result<std::vector<Region>> data_regions(int fd) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) return system_error(errno, "fstat");
    std::vector<Region> out;
    off_t at = 0;
    while (at < info.st_size) {
        const off_t data = ::lseek(fd, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) break;  // nothing but a hole is left
        if (data < 0) return system_error(errno, "lseek SEEK_DATA");
        off_t end = ::lseek(fd, data, SEEK_HOLE);
        if (end < 0) end = info.st_size;
        out.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(end - data)});
        at = end;
    }
    return out;
}

Result<Space> space_at(const std::string& path) {
    struct statvfs info{};
    if (::statvfs(path.c_str(), &info) != 0) return system_error(errno, "statvfs " + path);
    return Space{static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize,
                 static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize};
}

namespace {

bool below(const fs::path& path, const fs::path& root) {
    auto p = path.begin();
    for (auto r = root.begin(); r != root.end(); ++r) {
        if (r->empty()) continue;  // a trailing slash
        if (p == path.end() || *p != *r) return false;
        ++p;
    }
    return true;
}

// Without links; nothing when it cannot be told where the folder really is.
std::optional<fs::path> resolve(const std::string& folder) {
    std::error_code error;
    fs::path out = fs::weakly_canonical(folder, error);
    if (error || out.empty()) return std::nullopt;
    return out;
}

}  // namespace

Result<std::string> confine(const std::string& path, const std::vector<std::string>& allowed,
                            const std::vector<std::string>& denied) {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos)
        return Error{Errc::invalid, "A path on this server must be absolute"};
    std::error_code error;
    const fs::path resolved = fs::weakly_canonical(path, error);
    if (error) return Error{Errc::not_found, "The path " + path + " cannot be resolved", error.message()};
    static constexpr std::array system{"/etc", "/proc", "/sys", "/dev", "/run", "/boot", "/usr"};
    // What lies above a refused folder holds it too: a folder is read as a whole.
    for (const char* folder : system)
        if (below(resolved, folder) || below(folder, resolved))
            return Error{Errc::forbidden, std::string(folder) + " is a system folder and refused"};
    for (const auto& folder : denied) {
        const auto own = resolve(folder);
        if (!own || below(resolved, *own) || below(*own, resolved))
            return Error{Errc::forbidden, "That path belongs to the service itself and is refused"};
    }
    if (!allowed.empty()) {
        for (const auto& folder : allowed)
            if (const auto root = resolve(folder); root && below(resolved, *root)) return resolved.string();
        return Error{Errc::forbidden, "That path lies outside the folders that may be named"};
    }
    return resolved.string();
}

}  // namespace corral::files
