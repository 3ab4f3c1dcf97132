// What every hypervisor driver has to do (machines/driver.hpp), as tests over a Subject. A driver joins by a program
// that links driver_suite.cpp and guest_suite.cpp and instantiates the suites for what it is able to do.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "machines/driver.hpp"

namespace corral::contract {

// A driver and what a test needs around it. One a test; used by one thread.
class Subject {
public:
    virtual ~Subject() = default;
    virtual machines::Driver& driver() = 0;
    // A driver of a new process, as far as that can be had: machines and their states have to be there again.
    virtual void reopen(machines::ChangeListener) = 0;
    // A folder with a disk image that nothing boots from, and one that holds the test guest (when there is one).
    virtual machines::Spec blank(const std::string& name) = 0;
    virtual machines::Spec with_guest(const std::string& name) = 0;
    // Makes the clone's disk from what freeze_disk_for_clone() returned, as machines/ does.
    virtual machines::Spec clone(const std::string& name, const std::string& base) = 0;
    virtual void vanish(const std::string& id) = 0;  // removed by somebody else
    virtual void crash(const std::string& id) = 0;   // the hypervisor's process dies
    // What the driver itself has left of a machine that is destroyed: paths and processes.
    virtual std::vector<std::string> leftovers(const std::string& id) = 0;
    [[nodiscard]] virtual bool is_real() const = 0;  // blank machines have nobody who obeys a shutdown
};
// The suites' parameter: makes a Subject, and shows itself by the driver's name.
struct MakeSubject {
    std::string driver;
    std::function<std::unique_ptr<Subject>(machines::ChangeListener)> make;

    friend void PrintTo(const MakeSubject& m, std::ostream* out) { *out << m.driver; }
};

// Keeps the changes that were told; any thread.
class Heard {
public:
    void add(const std::string& id, machines::Change);
    bool wait_for(const std::string& id, machines::Change, std::chrono::seconds at_most = std::chrono::seconds{10});
    std::vector<machines::Change> of(const std::string& id);
    void clear();

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<std::string, machines::Change>> all_;
};

class DriverSuite : public testing::TestWithParam<MakeSubject> {
protected:
    void SetUp() override;
    void TearDown() override;  // destroys what create() made and looks for leftovers

    machines::Driver& driver() { return subject_->driver(); }
    std::string create(const machines::Spec&);
    void power(const std::string& id, machines::PowerAction);
    machines::State state(const std::string& id);
    void bring_to(const std::string& id, machines::State);

    std::shared_ptr<Heard> heard_;
    std::unique_ptr<Subject> subject_;
    std::vector<std::string> made_;
};

// What only shows where a machine has hardware: instantiated for drivers whose Subject is real.
class RealDriverSuite : public DriverSuite {};
// The optional ability: instantiated for drivers that have snapshots().
class SnapshotSuite : public DriverSuite {};

// One guest for all of its tests: booting is what takes time. Each test leaves it running.
class GuestSuite : public testing::TestWithParam<MakeSubject> {
protected:
    void SetUp() override;
    static void TearDownTestSuite();

    machines::Driver& driver() { return shared_->subject->driver(); }
    machines::GuestAccess& guest() { return *driver().guest(); }
    [[nodiscard]] const std::string& id() const { return shared_->id; }
    machines::GuestOutcome run(const machines::GuestCommand&);
    machines::GuestOutcome shell(const std::string& line);

    struct Shared {
        std::shared_ptr<Heard> heard;
        std::unique_ptr<Subject> subject;
        std::string id;
        std::vector<std::string> clones;
    };
    static std::unique_ptr<Shared> shared_;
};

// What only an operating system in the guest can show.
class RealGuestSuite : public GuestSuite {};

machines::Op within(std::chrono::milliseconds);
// Looks again until `holds` or a minute is over; for what guests do in their own time.
bool eventually(const std::function<bool()>& holds);

}  // namespace corral::contract
