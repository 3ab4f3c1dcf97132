// The chunk stores this server works with, one per place, opened when first needed and kept. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

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

    // `connection` names the place, secrets included. The result lives as long as this object.
    Result<OpenStore*> open(const std::string& connection);

private:
    Factory factory_;
    std::string work_folder_;
    std::mutex mutex_;  // guards stores_
    std::map<std::string, std::unique_ptr<OpenStore>> stores_;
};

}  // namespace corral::catalog
