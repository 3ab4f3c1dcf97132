// The fake hypervisor behind a door: while the door is shut, making a machine and changing its power wait before it, so
// that a test can look at what goes on meanwhile. Thread-safe; outlives the server that uses it.
//
//     Door door;
//     Server server({.hypervisor = door.hypervisor()});
//     door.shut();
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "drivers/hypervisor/fake/fake_driver.hpp"

namespace corral::tests {

class Door {
public:
    // With guests whose commands run on this host, in the machine's home.
    [[nodiscard]] std::function<std::unique_ptr<machines::Driver>(const std::string&)> hypervisor();

    void shut();
    void open();
    [[nodiscard]] bool somebody_waits();  // within half a minute
    // What an operator or a broken hypervisor does; of the server that was started last.
    [[nodiscard]] drivers::FakeDriver& behind() { return *fake_; }

private:
    class Driver;
    Result<void> pass(const machines::Op& op);

    drivers::FakeDriver* fake_ = nullptr;
    std::mutex mutex_;  // guards what follows
    std::condition_variable_any changed_;
    bool shut_ = false;
    int waiting_ = 0;
};

}  // namespace corral::tests
