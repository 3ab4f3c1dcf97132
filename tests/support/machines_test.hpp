// Machines over the fake hypervisor, with images that are plain files, in a temporary folder.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "drivers/hypervisor/fake/fake_driver.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "jobs/job_service.hpp"
#include "jobs/migrations.hpp"
#include "machines/migrations.hpp"
#include "machines/service.hpp"
#include "machines/store.hpp"
#include "platform/process/process.hpp"
#include "support/disks.hpp"
#include "support/testing.hpp"

namespace corral::testing_support {

// The fake hypervisor under watch: what was asked of it, whether verbs overlapped, and whether it tells of changes.
class WatchedDriver final : public machines::Driver {
    template <class F>
    auto with_lock(F&& f) const {
        const std::lock_guard lock(mutex_);
        return f();
    }

public:
    explicit WatchedDriver(drivers::FakeOptions options) : real_(std::move(options)) {}

    drivers::FakeDriver& real() { return real_; }
    int concurrent_starts = 64;
    bool tells = true;  // false: changes are never told, as when a message is lost
    using OnPower = std::function<void(const std::string& id, machines::PowerAction)>;
    using OnObserve = std::function<Result<void>(const std::string& id)>;
    void on_power(OnPower hook) {  // while a verb is at work
        with_lock([&] { on_power_ = std::move(hook); });
    }
    void on_observe(OnObserve hook) {  // before the machine is looked at
        with_lock([&] { on_observe_ = std::move(hook); });
    }

    int most_at_once() const {
        return with_lock([&] { return most_; });
    }
    bool overlapped() const {
        return with_lock([&] { return overlapped_; });
    }

    [[nodiscard]] machines::DriverInfo info() const override {
        machines::DriverInfo out = real_.info();
        out.concurrent_starts = concurrent_starts;
        return out;
    }
    Result<std::vector<machines::Observed>> list() override { return real_.list(); }
    Result<machines::Observed> observe(const std::string& id) override {
        if (const auto hook = with_lock([&] { return on_observe_; })) TRY(hook(id));
        return real_.observe(id);
    }
    Result<machines::Observed> create(const machines::Spec& spec, const machines::Op& op) override {
        return real_.create(spec, op);
    }
    Result<void> power(const std::string& id, machines::PowerAction action, const machines::Op& op) override {
        with_lock([&] {
            overlapped_ = overlapped_ || !at_work_.insert(id).second;
            most_ = std::max(most_, static_cast<int>(at_work_.size()));
        });
        if (const auto hook = with_lock([&] { return on_power_; })) hook(id, action);
        auto done = real_.power(id, action, op);
        with_lock([&] { at_work_.erase(id); });
        return done;
    }
    Result<void> destroy(const std::string& id, const machines::Op& op) override { return real_.destroy(id, op); }
    Result<machines::Observed> change(const std::string& id, const machines::Changes& changes,
                                      const machines::Op& op) override {
        return real_.change(id, changes, op);
    }
    Result<std::string> freeze_disk_for_clone(const std::string& id, const machines::Op& op) override {
        return real_.freeze_disk_for_clone(id, op);
    }
    void listen(machines::ChangeListener listener) override {
        real_.listen(tells ? std::move(listener) : [](const std::string&, machines::Change) {});
    }
    machines::GuestAccess* guest() override { return real_.guest(); }
    machines::Snapshots* snapshots() override { return real_.snapshots(); }

private:
    drivers::FakeDriver real_;
    mutable std::mutex mutex_;  // guards what follows
    OnPower on_power_;
    OnObserve on_observe_;
    std::set<std::string> at_work_;
    int most_ = 0;
    bool overlapped_ = false;
};

}  // namespace corral::testing_support

namespace corral::machines {

class MachinesTest : public testing::Test {
protected:
    using MachineRef = Ref<MachineTag>;
    using Texts = std::vector<std::string>;

    void SetUp() override {
        settings_.folder = folder_ / "machines";
        settings_.host = "here";
        settings_.usual_folders = {folder_ / "machines", folder_ / "usual"};
        settings_.own_folders = {folder_ / "data"};
        for (const char* name : {"machines", "usual", "data"}) std::filesystem::create_directory(folder_ / name);
        testing_support::write_at(base(), testing_support::noise(100'000, 1), 0, 4U << 20);
        driver_ = std::make_unique<testing_support::WatchedDriver>(
            drivers::FakeOptions{.folder = folder_ / "hypervisor", .allow_host_execution = true});
        restart();
    }
    void TearDown() override { stop(); }
    void stop() {
        if (jobs_) jobs_->stop();
        if (service_) service_->stop();
        service_.reset();
        jobs_.reset();
    }
    // Another process of ours over the same hypervisor: VMs outlive the service.
    void restart() {
        stop();
        jobs_ = std::make_unique<jobs::JobService>(
            *database_, events_, clock_,
            [](const UserId& id) { return testing_support::caller(id.text, {}, {"SUPER_USER"}).principal; },
            jobs::JobService::Options{.threads = 16});
        service_ = std::make_unique<Service>(*driver_, *database_, events_, *jobs_, clock_, images(), settings_);
        const auto recovered = service_->recover();
        ASSERT_TRUE(testing_support::ok(recovered));
    }
    ImageSource images() {
        ImageSource out;
        out.find = [this](const Caller&, const CatalogSource& source) -> Result<catalog::Manifest> {
            catalog::Manifest m;
            m.id = "record-of-" + source.catalog_id;
            m.version = source.version.empty() ? "1" : source.version;
            m.architecture = source.architecture.empty() ? "x86_64" : source.architecture;
            m.minimum_requirements = least_;
            m.description = "from the catalog";
            return m;
        };
        out.bring = [this, find = out.find](const Caller& who, const CatalogSource& source,
                                            jobs::Progress& progress) -> Result<Image> {
            if (on_bring) TRY(on_bring(progress));
            return Image{.digest = "digest", .disk_path = base(), .manifest = TRY(find(who, source))};
        };
        out.pin = [this](db::Tx&, const std::string& machine, const std::string&) {
            const std::lock_guard lock(pins_mutex_);
            if (image_is_there_) pins_.insert(machine);
            return image_is_there_.load();
        };
        out.unpin = [this](db::Tx&, const std::string& machine) {
            const std::lock_guard lock(pins_mutex_);
            pins_.erase(machine);
        };
        return out;
    }
    std::set<std::string> pins() {
        const std::lock_guard lock(pins_mutex_);
        return pins_;
    }

    static CreateRequest request(const std::string& name) {
        CreateRequest out{.name = name};
        out.catalog_manifest = CatalogSource{.catalog_id = "ubuntu"};
        return out;
    }
    std::string add(const std::string& name) {
        return testing_support::value_of(service_->create(root_, request(name))).id;
    }
    void power(const std::string& machine, PowerAction action, bool force = false) {
        ASSERT_TRUE(testing_support::ok(service_->power(MachineRef(machine), action, force)));
    }
    void bring_to(const std::string& id, State goal) {
        ASSERT_NO_FATAL_FAILURE(power(id, PowerAction::stop, true));
        if (goal == State::stopped) return;
        ASSERT_NO_FATAL_FAILURE(power(id, PowerAction::start));
        if (goal == State::paused) ASSERT_NO_FATAL_FAILURE(power(id, PowerAction::pause));
        if (goal == State::suspended) ASSERT_NO_FATAL_FAILURE(power(id, PowerAction::suspend));
    }
    // As clients see it.
    std::string state(const std::string& machine) {
        const auto seen = service_->get(MachineRef(machine));
        return seen ? seen->state : "not there";
    }
    Texts names() {
        Texts out;
        for (const auto& machine : testing_support::value_of(service_->list())) out.push_back(machine.name);
        return out;
    }
    std::optional<store::Record> record(const std::string& id) {
        return testing_support::value_of(database_->read([&](db::Tx& tx) { return store::find(tx, id); }));
    }
    std::size_t records() {
        return testing_support::value_of(database_->read([](db::Tx& tx) { return store::all(tx); })).size();
    }
    // Homes of machines on the disk.
    Texts homes() {
        Texts out;
        for (const auto& item : std::filesystem::directory_iterator(settings_.folder))
            out.push_back(item.path().filename());
        std::ranges::sort(out);
        return out;
    }
    // Messages of events whose body names the machine, in order.
    Texts told(const std::string& id, std::int64_t since = 0) {
        Texts out;
        for (const auto& event : testing_support::value_of(events_.since(since, 10'000)))
            if (event.type == events::Type::pdfm && event.body.find(id) != std::string::npos)
                out.push_back(event.message);
        return out;
    }
    std::int64_t last_event() {
        const auto all = testing_support::value_of(events_.since(0, 100'000));
        return all.empty() ? 0 : all.back().sequence;
    }
    // Can the disk be opened with all that it stands on?
    testing::AssertionResult is_whole_disk(const std::string& disk) {
        const auto done =
            testing_support::value_of(process::run({.argv = {"qemu-img", "info", "-U", "--backing-chain", disk}}));
        return done.exit_code == 0 ? testing::AssertionSuccess() : testing::AssertionFailure() << done.err;
    }
    std::string base() const { return folder_ / "base.raw"; }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(
        folder_.path(), {audit::migrations(), events::migrations(), jobs::migrations(), migrations()});
    events::EventLog events_{*database_, clock_};
    Settings settings_;
    std::optional<catalog::MinimumRequirements> least_;
    std::function<Result<void>(jobs::Progress&)> on_bring;
    std::atomic<bool> image_is_there_{true};
    std::mutex pins_mutex_;  // guards pins_
    std::set<std::string> pins_;
    std::unique_ptr<testing_support::WatchedDriver> driver_;
    std::unique_ptr<jobs::JobService> jobs_;
    std::unique_ptr<Service> service_;
    const Caller root_ = testing_support::super_user();
};

}  // namespace corral::machines
