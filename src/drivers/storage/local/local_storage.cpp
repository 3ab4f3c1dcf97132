#include "drivers/storage/local/local_storage.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "platform/files/files.hpp"

namespace corral::drivers {

namespace fs = std::filesystem;

Result<std::unique_ptr<LocalStorage>> LocalStorage::open(const std::string& folder) {
    TRY(files::make_folders(folder, 0700));
    return std::unique_ptr<LocalStorage>(new LocalStorage(fs::canonical(folder).string()));
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

Result<void> LocalStorage::put(const std::string& key, std::string_view bytes) {
    const std::string path = TRY(path_of(key));
    TRY(files::make_folders(fs::path(path).parent_path().string(), 0700));
    return files::replace_file(path, bytes, 0600);
}

Result<void> LocalStorage::put_file(const std::string& key, const std::string& local) {
    const std::string path = TRY(path_of(key));
    const std::string parent = fs::path(path).parent_path().string();
    TRY(files::make_folders(parent, 0700));
    {
        const auto file = TRY(files::open_read(local));
        if (::fsync(file.get()) != 0) return system_error(errno, "fsync " + local);
    }
    if (::rename(local.c_str(), path.c_str()) == 0) return files::sync_folder(parent);
    if (errno != EXDEV) return system_error(errno, "rename to " + path);
    // Another file system: copied beside the goal first, so that readers never see half of it.
    const std::string temporary = path + ".incoming";
    std::error_code error;
    fs::copy_file(local, temporary, fs::copy_options::overwrite_existing, error);
    if (error) return system_error(error.value(), "copy to " + temporary);
    {
        const auto file = TRY(files::open_read(temporary));
        if (::fsync(file.get()) != 0) return system_error(errno, "fsync " + temporary);
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error(errno, "rename to " + path);
    ::unlink(local.c_str());
    return files::sync_folder(parent);
}

Result<std::string> LocalStorage::get(const std::string& key, std::uint64_t offset,
                                      std::optional<std::uint64_t> length) {
    const std::string path = TRY(path_of(key));
    auto file = files::open_read(path);
    if (!file) {
        if (file.error().code == Errc::not_found) return Error{Errc::not_found, "The store lacks the object " + key};
        return std::move(file).error();
    }
    const std::uint64_t size = TRY(files::size_of(path));
    if (offset > size || (length && *length > size - offset))
        return Error{Errc::invalid, "The object " + key + " is shorter than the range asked for"};
    std::string out(static_cast<std::size_t>(length.value_or(size - offset)), '\0');
    TRY(files::pread_all(file->get(), out.data(), out.size(), offset));
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
    if (::unlink(path.c_str()) != 0 && errno != ENOENT && errno != ENOTDIR)
        return system_error(errno, "remove " + path);
    // Folders that became empty go too; a full one stays by itself.
    for (fs::path parent = fs::path(path).parent_path(); parent.string().size() > folder_.size();
         parent = parent.parent_path())
        if (::rmdir(parent.c_str()) != 0) break;
    return {};
}

Result<std::vector<catalog::StoredObject>> LocalStorage::list(const std::string& prefix) {
    const std::string root = prefix.empty() ? folder_ : TRY(path_of(prefix));
    std::vector<catalog::StoredObject> out;
    std::error_code error;
    if (!fs::is_directory(root, error)) return out;
    for (auto it = fs::recursive_directory_iterator(root, error); !error && it != fs::recursive_directory_iterator();
         it.increment(error)) {
        if (!it->is_regular_file(error) || it->is_symlink(error)) continue;
        const std::string key = it->path().string().substr(folder_.size() + 1);
        if (!path_of(key)) continue;
        out.push_back({key, it->file_size(error)});
    }
    if (error) return system_error(error.value(), "list " + root);
    std::ranges::sort(out, {}, &catalog::StoredObject::key);
    return out;
}

std::optional<std::string> LocalStorage::local_path(const std::string& key) {
    auto path = path_of(key);
    return path ? std::optional(*path) : std::nullopt;
}

}  // namespace corral::drivers
