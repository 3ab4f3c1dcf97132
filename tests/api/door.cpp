#include "door.hpp"

#include <chrono>

namespace corral::tests {

using machines::Changes;
using machines::Observed;
using machines::Op;
using machines::PowerAction;
using machines::Spec;

class Door::Driver final : public machines::Driver {
public:
    Driver(Door& door, const std::string& folder)
        : door_(door), fake_({.folder = folder, .allow_host_execution = true}) {
        door_.fake_ = &fake_;
    }
    [[nodiscard]] machines::DriverInfo info() const override { return fake_.info(); }
    Result<std::vector<Observed>> list() override { return fake_.list(); }
    Result<Observed> observe(const std::string& id) override { return fake_.observe(id); }
    Result<Observed> create(const Spec& spec, const Op& op) override {
        TRY(door_.pass(op));
        return fake_.create(spec, op);
    }
    Result<void> power(const std::string& id, PowerAction action, const Op& op) override {
        TRY(door_.pass(op));
        return fake_.power(id, action, op);
    }
    Result<void> destroy(const std::string& id, const Op& op) override { return fake_.destroy(id, op); }
    Result<Observed> change(const std::string& id, const Changes& changes, const Op& op) override {
        return fake_.change(id, changes, op);
    }
    Result<std::string> freeze_disk_for_clone(const std::string& id, const Op& op) override {
        return fake_.freeze_disk_for_clone(id, op);
    }
    void listen(machines::ChangeListener listener) override { fake_.listen(std::move(listener)); }
    machines::GuestAccess* guest() override { return fake_.guest(); }
    machines::Snapshots* snapshots() override { return fake_.snapshots(); }

private:
    Door& door_;
    drivers::FakeDriver fake_;
};

std::function<std::unique_ptr<machines::Driver>(const std::string&)> Door::hypervisor() {
    return [this](const std::string& folder) { return std::make_unique<Driver>(*this, folder); };
}

void Door::shut() {
    const std::lock_guard lock(mutex_);
    shut_ = true;
}

void Door::open() {
    {
        const std::lock_guard lock(mutex_);
        shut_ = false;
    }
    changed_.notify_all();
}

bool Door::somebody_waits() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return waiting_ > 0; });
}

Result<void> Door::pass(const Op& op) {
    std::unique_lock lock(mutex_);
    ++waiting_;
    changed_.notify_all();
    const bool opened = changed_.wait_until(lock, op.cancel, op.deadline, [&] { return !shut_; });
    --waiting_;
    if (!opened) return Error{Errc::timeout, "The operation was cancelled"};
    return {};
}

}  // namespace corral::tests
