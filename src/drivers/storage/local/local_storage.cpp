#include "drivers/storage/local/local_storage.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "platform/files/files.hpp"

namespace corral::drivers {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view unfinished = "~unfinished";  // no key can have this name

bool is_absent(const Error& error) { return error.code == Errc::not_found; }

// Gone in between is no failure: others may remove while we look.
Result<void> collect(const fs::path& folder, std::vector<fs::path>& files) {
    std::error_code error;
    fs::directory_iterator it(folder, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
        std::error_code ignored;
        if (it->is_symlink(ignored)) continue;
        if (it->is_directory(ignored))
            TRY(collect(it->path(), files));
        else if (it->is_regular_file(ignored))
            files.push_back(it->path());
    }
    if (!error || error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory) return {};
    return system_error(error.value(), "list " + folder.string());
}

}  // namespace

// An object on its way in: a temporary file that its writer has locked, so that one nobody has locked is what a crash
// left behind. Removed when it was not put in its place.
class LocalStorage::Incoming {
public:
    static Result<Incoming> make(const std::string& folder) {
        for (int tries = 0;; ++tries) {
            std::string path = folder + "/" + std::string(unfinished) + "/XXXXXX";
            files::Descriptor file(::mkostemp(path.data(), O_CLOEXEC));
            if (!file) return system_error(errno, "make a temporary file in " + folder);
            // Before the lock was ours, another process that opens the folder may have taken the file for a leftover.
            struct stat info{};
            if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0 && ::fstat(file.get(), &info) == 0 && info.st_nlink > 0)
                return Incoming(std::move(path), std::move(file));
            if (tries > 100) return system_error(errno, "lock " + path);
        }
    }
    ~Incoming() {
        if (!path_.empty()) ::unlink(path_.c_str());
    }
    Incoming(Incoming&& other) noexcept : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}
    Incoming& operator=(Incoming&&) = delete;

    Result<void> write(std::string_view bytes) { return files::pwrite_all(file_.get(), bytes.data(), bytes.size(), 0); }
    Result<void> copy(const std::string& from) {
        const auto source = TRY(files::open_read(from));
        std::string buffer(std::size_t{1} << 20, '\0');
        std::uint64_t left = TRY(files::size_of(from));
        for (std::uint64_t at = 0; left > 0;) {
            const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer.size()));
            TRY(files::pread_all(source.get(), buffer.data(), piece, at));
            TRY(files::pwrite_all(file_.get(), buffer.data(), piece, at));
            at += piece;
            left -= piece;
        }
        return {};
    }
    Result<void> place(const LocalStorage& storage, const std::string& goal) {
        if (::fsync(file_.get()) != 0) return system_error(errno, "fsync " + path_);
        TRY(storage.move_to(path_, goal));
        path_.clear();
        return {};
    }

private:
    Incoming(std::string path, files::Descriptor file) : path_(std::move(path)), file_(std::move(file)) {}
    std::string path_;
    files::Descriptor file_;
};

Result<std::unique_ptr<LocalStorage>> LocalStorage::open(const std::string& folder) {
    TRY(files::make_folders(folder, 0700));
    std::unique_ptr<LocalStorage> storage(new LocalStorage(fs::canonical(folder).string()));
    TRY(storage->remove_unfinished());
    return storage;
}

Result<void> LocalStorage::remove_unfinished() {
    const std::string folder = folder_ + "/" + std::string(unfinished);
    TRY(files::make_folders(folder, 0700));
    std::vector<fs::path> left;
    TRY(collect(folder, left));
    for (const fs::path& path : left) {
        const files::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
        if (file && ::flock(file.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
    }
    return {};
}

Result<std::string> LocalStorage::path_of(const std::string& key) const {
    std::string_view rest = key;
    if (rest.empty() || rest.size() > 1024) return Error{Errc::invalid, "An object key has 1 to 1024 characters"};
    while (true) {
        const auto end = std::min(rest.find('/'), rest.size());
        const std::string_view part = rest.substr(0, end);
        const bool known = std::ranges::all_of(part, [](unsigned char c) {
            return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c >= 0x80;
        });
        if (part.empty() || part == "." || part == ".." || !known)
            return Error{Errc::invalid,
                         "An object key consists of names with letters, digits, dots, dashes and underscores"};
        if (end == rest.size()) break;
        rest.remove_prefix(end + 1);
    }
    return folder_ + "/" + key;
}

// The folder an object stands in, there after a loss of power too.
Result<void> LocalStorage::make_parents(const fs::path& parent) const {
    std::error_code ignored;
    if (fs::is_directory(parent, ignored)) return {};
    TRY(files::make_folders(parent.string(), 0700));
    for (fs::path made = parent; made.string().size() > folder_.size();) {
        made = made.parent_path();
        if (auto synced = files::sync_folder(made.string()); !synced && !is_absent(synced.error())) return synced;
    }
    return {};
}

// A finished file takes its place; false: it stands on another file system. remove() may take an empty folder away at
// any moment: then once more.
Result<bool> LocalStorage::move_to(const std::string& file, const std::string& goal) const {
    const fs::path parent = fs::path(goal).parent_path();
    for (int tries = 0;; ++tries) {
        if (auto made = make_parents(parent); !made && !is_absent(made.error())) return std::move(made).error();
        if (::rename(file.c_str(), goal.c_str()) == 0) break;
        if (errno == EXDEV) return false;
        if (errno != ENOENT || tries > 100 || !files::exists(file)) return system_error(errno, "rename to " + goal);
    }
    auto synced = files::sync_folder(parent.string());
    if (!synced && !is_absent(synced.error())) return std::move(synced).error();  // absent: removed by somebody since
    return true;
}

Result<void> LocalStorage::put(const std::string& key, std::string_view bytes) {
    const std::string path = TRY(path_of(key));
    Incoming object = TRY(Incoming::make(folder_));
    TRY(object.write(bytes));
    return object.place(*this, path);
}

Result<void> LocalStorage::put_file(const std::string& key, const std::string& local) {
    const std::string path = TRY(path_of(key));
    {
        const auto file = TRY(files::open_read(local));
        if (::fsync(file.get()) != 0) return system_error(errno, "fsync " + local);
    }
    if (TRY(move_to(local, path))) return {};
    Incoming object = TRY(Incoming::make(folder_));
    TRY(object.copy(local));
    TRY(object.place(*this, path));
    ::unlink(local.c_str());
    return {};
}

Result<std::string> LocalStorage::get(const std::string& key, std::uint64_t offset,
                                      std::optional<std::uint64_t> length) {
    const std::string path = TRY(path_of(key));
    const Error absent{Errc::not_found, "The store lacks the object " + key};
    const files::Descriptor file(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) {
        if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return absent;
        return system_error(errno, "open " + path);
    }
    // Of the open file, not of the name: another object may stand there by now.
    struct stat info{};
    if (::fstat(file.get(), &info) != 0) return system_error(errno, "stat " + path);
    if (!S_ISREG(info.st_mode)) return absent;
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (offset > size || (length && *length > size - offset))
        return Error{Errc::invalid, "The object " + key + " is shorter than the range asked for"};
    const auto wanted = static_cast<std::size_t>(length.value_or(size - offset));
    Result<void> read;
    std::string out;
    // libstdc++ 12 passes the room there is, which can be more than was asked for.
    out.resize_and_overwrite(wanted, [&](char* to, std::size_t) {
        read = files::pread_all(file.get(), to, wanted, offset);
        return read ? wanted : 0;
    });
    TRY(std::move(read));
    return out;
}

Result<std::optional<std::uint64_t>> LocalStorage::size(const std::string& key) {
    const std::string path = TRY(path_of(key));
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::uint64_t>{};
        return system_error(errno, "stat " + path);
    }
    if (!S_ISREG(info.st_mode)) return std::optional<std::uint64_t>{};
    return std::optional<std::uint64_t>{static_cast<std::uint64_t>(info.st_size)};
}

Result<void> LocalStorage::remove(const std::string& key) {
    const std::string path = TRY(path_of(key));
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR && errno != EISDIR)
        return system_error(errno, "remove " + path);
    // Folders that became empty go too; a full one stays by itself.
    for (fs::path parent = fs::path(path).parent_path(); parent.string().size() > folder_.size();
         parent = parent.parent_path())
        if (::rmdir(parent.c_str()) != 0) break;
    return {};
}

Result<std::vector<catalog::StoredObject>> LocalStorage::list(const std::string& prefix) {
    const std::string root = prefix.empty() ? folder_ : TRY(path_of(prefix));
    std::vector<fs::path> found;
    TRY(collect(root, found));
    std::vector<catalog::StoredObject> out;
    for (const fs::path& path : found) {
        const std::string key = path.string().substr(folder_.size() + 1);
        if (!path_of(key)) continue;
        if (const auto bytes = TRY(size(key))) out.push_back({key, *bytes});
    }
    std::ranges::sort(out, {}, &catalog::StoredObject::key);
    return out;
}

std::optional<std::string> LocalStorage::local_path(const std::string& key) {
    auto path = path_of(key);
    return path ? std::optional(*path) : std::nullopt;
}

}  // namespace corral::drivers
