// A catalog with its own store, cache, database and jobs, in a temporary folder; storages can be told to fail.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "catalog/connection.hpp"
#include "catalog/migrations.hpp"
#include "catalog/service.hpp"
#include "catalog/store.hpp"
#include "drivers/storage/local/local_storage.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "jobs/job_service.hpp"
#include "jobs/migrations.hpp"
#include "support/disks.hpp"
#include "support/faulty_storage.hpp"
#include "support/testing.hpp"

namespace corral::testing_support {

// Remembers what was reported; nothing cancels it but the test.
class TestProgress final : public jobs::Progress {
public:
    void start_step(const std::string& name) override { told.push_back("start " + name); }
    void advance(const std::string&, std::int64_t, std::int64_t, const std::string&) override { ++advances; }
    void finish_step(const std::string& name) override { told.push_back("finish " + name); }
    void skip_step(const std::string& name) override { told.push_back("skip " + name); }
    void message(const std::string&) override {}
    void percent(int) override {}
    Result<void> save_checkpoint(const std::string&) override { return {}; }
    [[nodiscard]] std::string checkpoint() const override { return {}; }
    [[nodiscard]] std::stop_token cancel() const override { return stop.get_token(); }

    std::vector<std::string> told;
    std::atomic<int> advances{0};
    std::stop_source stop;
};

}  // namespace corral::testing_support

namespace corral::catalog {

class CatalogTest : public testing::Test {
protected:
    void SetUp() override {
        settings_.store = connection("store");
        settings_.work_folder = folder_ / "data/work";
        settings_.cache_folder = folder_ / "data/cache";
        settings_.usual_folders = {folder_ / "usual"};
        settings_.own_folders = {folder_ / "data"};
        for (const char* name : {"usual", "data", "disks"}) std::filesystem::create_directory(folder_ / name);
        restart();
    }
    void TearDown() override { stop(); }
    // As the server does: jobs end first.
    void stop() {
        if (jobs_) jobs_->stop();
        catalog_.reset();
        jobs_.reset();
        storages_.clear();
    }
    virtual void restart() {
        stop();
        jobs_ = std::make_unique<jobs::JobService>(
            *database_, events_, clock_,
            [this](const UserId& id) {
                const auto it = accounts_.find(id.text);
                return it == accounts_.end() ? nullptr : it->second.principal;
            },
            jobs::JobService::Options{.threads = 4});
        catalog_ = std::make_unique<Service>(
            *database_, *jobs_, clock_, [this](const Provider& provider) { return open_storage(provider); }, settings_);
    }
    // A caller whose jobs can be resumed.
    Caller known(const Caller& who) {
        accounts_[who.user_id().text] = who;
        return who;
    }
    std::string connection(const std::string& name) const {
        return "provider=local-storage;catalog_path=" + folder_ / name;
    }
    Result<std::unique_ptr<Storage>> open_storage(const Provider& provider) {
        if (provider.type != "local-storage") return Error{Errc::unsupported, "Only local folders are known here"};
        const std::string path = provider.meta.at("catalog_path");
        auto storage = std::make_unique<testing_support::FaultyStorage>(TRY(drivers::LocalStorage::open(path)));
        storages_[path] = storage.get();
        return std::unique_ptr<Storage>(std::move(storage));
    }
    testing_support::FaultyStorage& storage(const std::string& name = "store") { return *storages_.at(folder_ / name); }
    // Every image of this folder.
    std::size_t images_in(const std::string& name = "store") {
        return testing_support::value_of(storage(name).list("corral/images")).size();
    }

    std::string disk(const std::string& name, unsigned seed, std::uint64_t data = 200'000) {
        const std::string path = folder_ / ("disks/" + name);
        testing_support::write_at(path, testing_support::noise(data, seed), 0, 2U << 20);
        return path;
    }
    // Differs by its version, so that each push brings an image of its own.
    PushRequest request(const std::string& catalog_id, const std::string& version, unsigned seed = 1) {
        return {.local_path = disk(catalog_id + version + std::to_string(seed), seed),
                .catalog_id = catalog_id,
                .connection = settings_.store,
                .version = version,
                .architecture = "x86_64"};
    }
    Manifest pushed(PushRequest wanted) { return testing_support::value_of(catalog_->push(root_, std::move(wanted))); }
    Manifest pushed(const std::string& catalog_id, const std::string& version, unsigned seed = 1) {
        clock_.advance(std::chrono::seconds{1});
        return pushed(request(catalog_id, version, seed));
    }
    // The record as kept.
    std::optional<Manifest> kept(const std::string& id) {
        return testing_support::value_of(database_->read([&](db::Tx& tx) { return store::manifest_by_id(tx, id); }));
    }
    void change(const std::string& id, const std::function<void(Manifest&)>& f) {
        ASSERT_TRUE(testing_support::ok(database_->write([&](db::Tx& tx) {
            Manifest m = store::manifest_by_id(tx, id).value();
            f(m);
            store::save(tx, m);
        })));
    }
    std::string file_in_store(const std::string& key) {
        return testing_support::value_of(storage().get(key, 0, std::nullopt));
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(
        folder_.path(), {audit::migrations(), events::migrations(), jobs::migrations(), migrations()});
    events::EventLog events_{*database_, clock_};
    Settings settings_;
    std::map<std::string, Caller> accounts_;
    std::map<std::string, testing_support::FaultyStorage*> storages_;  // by path; owned by the catalog
    std::unique_ptr<jobs::JobService> jobs_;
    std::unique_ptr<Service> catalog_;
    const Caller root_ = known(testing_support::super_user());
};

}  // namespace corral::catalog
