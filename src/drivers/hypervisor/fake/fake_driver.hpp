// A hypervisor that only remembers: every verb of the contract at memory speed, for tests, demonstrations and load
// runs with tens of thousands of machines. Machines live in this process, or in a folder, where they outlive it.
// Thread-safe. Changes are told on the driver's own thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "machines/driver.hpp"

namespace corral::drivers {

struct FakeOptions {
    std::string folder;  // one small file a machine; empty: nothing outlives the process
    // Guest commands run on the host, in the machine's home, with the rights of this process. Tests only; otherwise
    // there is no guest and guest() is null.
    bool allow_host_execution = false;
    std::chrono::milliseconds verb_time{0};  // how long each power verb takes; ends early when cancelled
};

class FakeDriver final : public machines::Driver {
public:
    explicit FakeDriver(FakeOptions options = {});
    ~FakeDriver() override;
    FakeDriver(const FakeDriver&) = delete;
    FakeDriver& operator=(const FakeDriver&) = delete;

    [[nodiscard]] machines::DriverInfo info() const override;
    Result<std::vector<machines::Observed>> list() override;
    Result<machines::Observed> observe(const std::string& id) override;
    Result<machines::Observed> create(const machines::Spec&, const machines::Op&) override;
    Result<void> power(const std::string& id, machines::PowerAction, const machines::Op&) override;
    Result<void> destroy(const std::string& id, const machines::Op&) override;
    Result<machines::Observed> change(const std::string& id, const machines::Changes&, const machines::Op&) override;
    Result<std::string> freeze_disk_for_clone(const std::string& id, const machines::Op&) override;
    void listen(machines::ChangeListener) override;
    machines::GuestAccess* guest() override;
    machines::Snapshots* snapshots() override;

    // What an operator does outside of the service. Tests only.
    void vanish(const std::string& id);
    void crash(const std::string& id);  // power lost
    void fail_next(Error with);         // the next create, power, destroy, change or freeze fails with this

    struct State;

private:
    std::shared_ptr<State> state_;
    std::unique_ptr<machines::GuestAccess> guest_;
    std::unique_ptr<machines::Snapshots> snapshots_;
};

}  // namespace corral::drivers
