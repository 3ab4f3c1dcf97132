// The contract between machines/ and a hypervisor. One conformance suite (tests/contract/driver_suite.hpp) is the
// rule; every driver passes it.
//
// Any thread may call; every call may block; no two changing calls for one machine overlap (machines/ holds its lock).
// power() and destroy() are idempotent towards their goal. A VM removed behind our back is Errc::not_found; a driver
// failure is Errc::upstream with the tool's text in `detail`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace corral::machines {

// Words of the contract on the wire (behaviour-b 2.4).
enum class State { stopped, starting, running, stopping, pausing, paused, resuming, suspending, suspended, invalid };
std::string_view to_text(State);
std::optional<State> state_from_text(std::string_view);

enum class PowerAction {
    start,    // stopped → running; suspended → running with its memory back
    stop,     // asks the guest to shut down, waits until it is off or the deadline
    kill,     // off at once; drops a suspended memory state
    restart,  // asks the guest to reboot
    reset,    // hard reset
    pause,    // running → paused (stays in memory)
    resume,   // paused or suspended → running
    suspend,  // running → suspended (memory on disk, no process)
};

struct Op {
    std::stop_token cancel;
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::now() + std::chrono::minutes{3};
    std::function<void(int percent)> progress = {};
};

// What a new VM is made of. The disk is a file the driver takes over as it is (a thin clone made by machines/).
struct Spec {
    std::string id;  // UUID, chosen by the caller
    std::string name;
    std::string description;
    std::string home;  // the machine's own folder, absolute, exists; holds disk, state and description
    std::string disk;  // absolute path of its disk image
    std::string disk_format = "qcow2";
    std::string architecture = "x86_64";  // x86_64 or arm64
    int cpus = 1;
    int memory_mib = 512;
    std::map<std::string, std::string> labels;
};

struct Address {
    std::string type;  // "ipv4" or "ipv6"
    std::string ip;
};

// A VM as the hypervisor shows it now.
struct Observed {
    std::string id;
    std::string name;
    std::string description;
    State state = State::stopped;
    std::string os = "linux";
    std::string type = "qemu";  // on the wire: qemu, pvm, macvm
    std::string home;           // ends in '/'
    std::string owner;          // operating system account
    std::string architecture = "x86_64";
    int cpus = 0;
    int memory_mib = 0;
    std::string disk;              // path of the first disk, "" when none
    std::uint64_t disk_bytes = 0;  // its virtual size
    std::string mac;               // of the first adapter
    std::chrono::seconds uptime{0};
    bool agent_connected = false;  // guest tools answer
    std::string agent_version;
    std::vector<Address> addresses;  // preferred first; empty until known
};

struct DriverInfo {
    std::string name;          // "libvirt", "fake", "parallels"
    std::string version;       // of the hypervisor
    bool accelerated = false;  // hardware virtualisation is really used
    std::vector<std::string> architectures;
    int concurrent_starts = 4;  // more are queued by machines/ (2 under emulation)
};

struct GuestCommand {
    std::vector<std::string> argv;  // run as is when has_shell is false
    std::string shell_line;         // else: given to the guest's shell (/bin/sh -c) as one argument
    bool use_shell = true;
    std::map<std::string, std::string> env;
    std::string input;
};
struct GuestOutcome {
    int exit_code = 0;
    std::string out;
    std::string err;
};

// Commands and files inside a running guest. Waits for the guest's agent until the deadline.
class GuestAccess {
public:
    virtual ~GuestAccess() = default;
    virtual Result<GuestOutcome> execute(const std::string& id, const GuestCommand&, const Op&) = 0;
    virtual Result<void> write_file(const std::string& id, const std::string& host_path, const std::string& guest_path,
                                    const Op&) = 0;
    virtual Result<void> read_file(const std::string& id, const std::string& guest_path, const std::string& host_path,
                                   const Op&) = 0;
};

enum class Change { added, removed, state, updated };
// `id` changed behind or before our back; the receiver asks observe() for the truth. Called on the driver's own thread;
// must not block and must not call the driver.
using ChangeListener = std::function<void(const std::string& id, Change)>;

class Driver {
public:
    virtual ~Driver() = default;
    [[nodiscard]] virtual DriverInfo info() const = 0;
    virtual Result<std::vector<Observed>> list() = 0;
    virtual Result<Observed> observe(const std::string& id) = 0;
    // Defines a stopped VM; Errc::conflict when id or name is taken.
    virtual Result<Observed> create(const Spec&, const Op&) = 0;
    virtual Result<void> power(const std::string& id, PowerAction, const Op&) = 0;
    // Forgets the VM and removes what the driver itself made (saved memory, definition); stops it first when running.
    // The home folder and disk stay: machines/ owns them.
    virtual Result<void> destroy(const std::string& id, const Op&) = 0;
    // Makes a consistent copy-on-write base for a clone: returns the disk path to clone from. For a running VM the disk
    // is frozen into a new layer. machines/ creates the overlay and calls create().
    virtual Result<std::string> freeze_disk_for_clone(const std::string& id, const Op&) = 0;
    virtual void listen(ChangeListener) = 0;          // one listener; set before the first call
    virtual GuestAccess* guest() { return nullptr; }  // optional ability: absent means Errc::unsupported
};

}  // namespace corral::machines
