#include "catalog/stores.hpp"

#include "catalog/connection.hpp"

namespace corral::catalog {

Result<OpenStore*> Stores::open(const std::string& connection) {
    const Provider provider = TRY(parse_connection(connection));
    std::lock_guard lock(mutex_);
    auto& slot = stores_[to_connection(provider)];
    if (!slot) {
        auto opened = std::make_unique<OpenStore>();
        auto storage = factory_(provider);
        if (!storage) {
            stores_.erase(to_connection(provider));
            return std::move(storage).error();
        }
        opened->storage = std::move(*storage);
        // Each store's uploads stand in a folder of their own, the same after a restart.
        const std::string work = work_folder_ + "/" + chunks::digest_of(to_connection(provider)).substr(0, 16);
        auto store = chunks::ChunkStore::open(*opened->storage, work);
        if (!store) {
            stores_.erase(to_connection(provider));
            return std::move(store).error();
        }
        opened->chunks = std::move(*store);
        slot = std::move(opened);
    }
    return slot.get();
}

}  // namespace corral::catalog
