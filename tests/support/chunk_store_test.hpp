// A chunk store in a temporary folder, over a storage that can be told to fail.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/temp_folder.hpp"
#include "catalog/chunks/fetch.hpp"
#include "catalog/chunks/push.hpp"
#include "catalog/chunks/store.hpp"
#include "drivers/storage/local/local_storage.hpp"
#include "support/disks.hpp"
#include "support/faulty_storage.hpp"
#include "support/testing.hpp"

namespace corral::catalog::chunks {

class ChunkStoreTest : public testing::Test {
protected:
    using When = testing_support::FaultyStorage::When;
    void SetUp() override { restart(); }
    // As after a crash: the disk is what is left.
    void restart() {
        store_.reset();
        storage_ = std::make_unique<testing_support::FaultyStorage>(
            testing_support::value_of(drivers::LocalStorage::open(folder_ / "store")));
        store_ = testing_support::value_of(ChunkStore::open(*storage_, folder_ / "work"));
    }
    Result<PushOutcome> push_to(ChunkTarget& target, const std::string& path) {
        return push(path, target, {.work_folder = folder_.path()});
    }
    Result<PushOutcome> push_file(const std::string& path, const std::string& session = "s") {
        const auto target = store_->upload(session);
        if (!target) return Error(target.error());
        return push_to(**target, path);
    }
    // A disk of this size with noise in its first `data` bytes.
    std::string disk(const std::string& name, unsigned seed, std::uint64_t data, std::uint64_t size = 0) {
        testing_support::write_at(folder_ / name, testing_support::noise(data, seed), 0, std::max(data, size));
        return folder_ / name;
    }
    Result<std::string> fetched(const std::string& digest) {
        const std::string to = folder_ / ("out-" + std::to_string(outputs_++));
        TRY(fetch(digest, *store_, to, {}));
        return files::read_file(to + "/disk.raw", 1U << 30);
    }
    // Does the store give back exactly this file?
    testing::AssertionResult holds(const std::string& digest, const std::string& path) {
        const std::string to = folder_ / ("out-" + std::to_string(outputs_++));
        if (const auto back = fetch(digest, *store_, to, {}); !back) return testing_support::ok(back);
        return testing_support::same_content(to + "/disk.raw", path)
                   ? testing::AssertionSuccess()
                   : testing::AssertionFailure() << "other bytes came back";
    }
    std::vector<std::string> stored(const std::string& kind) {
        std::vector<std::string> out;
        for (const auto& object : testing_support::value_of(storage_->list("corral/" + kind)))
            out.push_back(object.key);
        return out;
    }
    std::uint64_t stored_bytes() {
        std::uint64_t out = 0;
        for (const auto& object : testing_support::value_of(storage_->list(""))) out += object.size;
        return out;
    }

    TempFolder folder_;
    std::unique_ptr<testing_support::FaultyStorage> storage_;
    std::unique_ptr<ChunkStore> store_;

private:
    int outputs_ = 0;
};

}  // namespace corral::catalog::chunks
