#include "catalog/stores.hpp"

#include <filesystem>

#include "catalog/connection.hpp"
#include "platform/files/files.hpp"

namespace corral::catalog {

namespace {

namespace fs = std::filesystem;

Result<std::vector<fs::directory_entry>> entries_of(const fs::path& folder) {
    std::error_code error;
    std::vector<fs::directory_entry> out;
    for (fs::directory_iterator it(folder, error); !error && it != fs::directory_iterator(); it.increment(error))
        out.push_back(*it);
    if (error && error != std::errc::no_such_file_or_directory)
        return system_error(error.value(), "list " + folder.string());
    return out;
}

}  // namespace

Result<OpenStore*> Stores::open(const std::string& connection) {
    const Provider provider = TRY(parse_connection(connection));
    std::lock_guard lock(mutex_);
    auto& known = by_connection_[to_connection(provider)];
    if (known == nullptr) known = TRY(open_place(provider));
    return known;
}

std::vector<OpenStore*> Stores::opened() {
    std::vector<OpenStore*> out;
    std::lock_guard lock(mutex_);
    for (const auto& [place, store] : by_place_) out.push_back(store.get());
    return out;
}

Result<OpenStore*> Stores::open_place(const Provider& provider) {
    auto storage = TRY(factory_(provider));
    const std::string place = storage->describe();
    if (const auto it = by_place_.find(place); it != by_place_.end()) return it->second.get();
    auto opened = std::make_unique<OpenStore>();
    opened->storage = std::move(storage);
    // Each store's uploads stand in a folder of their own, the same after a restart.
    const std::string work = work_folder_ + "/" + chunks::digest_of(place).substr(0, 16);
    opened->chunks = TRY(chunks::ChunkStore::open(*opened->storage, work));
    return by_place_.emplace(place, std::move(opened)).first->second.get();
}

Result<void> Stores::abandon(const std::string& session) {
    for (const auto& store : TRY(entries_of(work_folder_)))
        if (store.is_directory()) TRY(files::remove_tree(store.path() / session));
    return {};
}

Result<void> Stores::sweep(const std::function<Result<bool>(const std::string& session)>& unneeded) {
    for (const auto& store : TRY(entries_of(work_folder_))) {
        if (!store.is_directory()) {
            TRY(files::remove_tree(store.path()));  // of a conversion
            continue;
        }
        for (const auto& session : TRY(entries_of(store.path())))
            if (TRY(unneeded(session.path().filename()))) TRY(files::remove_tree(session.path()));
    }
    return {};
}

}  // namespace corral::catalog
