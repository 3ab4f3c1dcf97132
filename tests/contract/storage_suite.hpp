// What every place that keeps bytes has to do (catalog/storage.hpp), as tests over a StorageSubject. A kind of storage
// joins by a program that links storage_suite.cpp and instantiates StorageSuite.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "catalog/storage.hpp"

namespace corral::contract {

// An empty place and what a test needs around it. One a test.
class StorageSubject {
public:
    virtual ~StorageSubject() = default;
    // Another storage over the same place, as a process of its own would open it. May be called after fork().
    virtual std::unique_ptr<catalog::Storage> open() = 0;
    // A folder for local files that are to become objects; one on the place's own file system and one on another, where
    // there is such a thing.
    virtual std::vector<std::string> local_folders() = 0;
    // What is in the place beside whole objects: leftovers of writers that died. Looked at while nobody writes.
    virtual std::vector<std::string> leftovers() = 0;
};
// The suite's parameter: makes a StorageSubject, and shows itself by the storage's name.
struct MakeStorage {
    std::string storage;
    std::function<std::unique_ptr<StorageSubject>()> make;

    friend void PrintTo(const MakeStorage& m, std::ostream* out) { *out << m.storage; }
};

class StorageSuite : public testing::TestWithParam<MakeStorage> {
protected:
    void SetUp() override;
    catalog::Storage& storage() { return *storage_; }
    std::vector<std::string> keys(const std::string& prefix = "");

    std::unique_ptr<StorageSubject> subject_;
    std::unique_ptr<catalog::Storage> storage_;
};

}  // namespace corral::contract
