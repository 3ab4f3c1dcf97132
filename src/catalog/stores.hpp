// The chunk stores this server works with, one per place, opened when first needed and kept. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catalog/chunks/store.hpp"
#include "catalog/model.hpp"
#include "catalog/storage.hpp"

namespace corral::catalog {

struct OpenStore {
    std::unique_ptr<Storage> storage;
    std::unique_ptr<chunks::ChunkStore> chunks;  // over `storage`
};

class Stores {
public:
    // Errc::invalid when the provider is unknown or not configured right.
    using Factory = std::function<Result<std::unique_ptr<Storage>>(const Provider&)>;
    Stores(Factory factory, std::string work_folder)
        : factory_(std::move(factory)), work_folder_(std::move(work_folder)) {}

    // `connection` names the place, secrets included. However it is written, a place is opened once, so that all know
    // of the same chunks. The result lives as long as this object.
    Result<OpenStore*> open(const std::string& connection);
    [[nodiscard]] std::vector<OpenStore*> opened();
    // Drops what an upload has brought so far, in whatever store; it must not be open.
    Result<void> abandon(const std::string& session);
    // Drops the uploads that `unneeded` names, and half made conversions. Before anything is opened.
    Result<void> sweep(const std::function<Result<bool>(const std::string& session)>& unneeded);

private:
    Result<OpenStore*> open_place(const Provider& provider);

    Factory factory_;
    std::string work_folder_;
    std::mutex mutex_;  // guards what follows
    std::map<std::string, OpenStore*> by_connection_;
    std::map<std::string, std::unique_ptr<OpenStore>> by_place_;  // by what the storage says of itself
};

}  // namespace corral::catalog
