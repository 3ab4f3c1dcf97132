// The contract between machines/ and a hypervisor. One conformance suite (tests/contract/driver_suite.hpp) is the
// rule; every driver passes it.
//
// Any thread may call; every call may block; no two changing calls for one machine overlap (machines/ holds its lock).
// power() and destroy() are idempotent towards their goal (destroying what is gone is fine). Everything else answers
// Errc::not_found for a VM that was removed behind our back; a driver
// failure is Errc::upstream with the tool's text in `detail`; an Op that was cancelled or is out of time is
// Errc::timeout (checked before anything is changed, and while waiting for the guest).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace corral::machines {

// Words of the contract on the wire (behaviour-b 2.4).
enum class State { stopped, starting, running, stopping, pausing, paused, resuming, suspending, suspended, invalid };
inline constexpr std::array<std::pair<std::string_view, State>, 10> state_words{{{"stopped", State::stopped},
                                                                                 {"starting", State::starting},
                                                                                 {"running", State::running},
                                                                                 {"stopping", State::stopping},
                                                                                 {"pausing", State::pausing},
                                                                                 {"paused", State::paused},
                                                                                 {"resuming", State::resuming},
                                                                                 {"suspending", State::suspending},
                                                                                 {"suspended", State::suspended},
                                                                                 {"invalid", State::invalid}}};
constexpr std::string_view to_text(State state) {
    for (const auto& [word, known] : state_words)
        if (known == state) return word;
    return "invalid";
}
constexpr std::optional<State> state_from_text(std::string_view text) {
    for (const auto& [word, state] : state_words)
        if (word == text) return state;
    return std::nullopt;
}

// What each verb does, by the state it finds. "-": Errc::conflict, nothing is changed.
//             stopped     running     paused      suspended
//   start     running     ok          -           running
//   stop      ok          stopped     -           -
//   kill      ok          stopped     stopped     stopped (the saved memory is dropped)
//   restart   ok (off)    running     -           -
//   reset     ok (off)    running     running     running (the saved memory is dropped)
//   pause     -           paused      ok          -
//   resume    -           ok          running     running
//   suspend   -           suspended   -           ok
enum class PowerAction {
    start,    // stopped → running; suspended → running with its memory back
    stop,     // asks the guest to shut down, waits until it is off or the deadline (then Errc::timeout: still running)
    kill,     // off at once; drops a suspended memory state
    restart,  // asks the guest to reboot, waits until it does or the deadline
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

// What to change; absent members stay. Name and description at any time, the rest only while stopped (Errc::conflict).
struct Changes {
    std::optional<std::string> name;  // Errc::conflict when taken
    std::optional<std::string> description;
    std::optional<int> cpus;
    std::optional<int> memory_mib;
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
    std::string disk;              // path of the first disk, "" when none; another one after freeze_disk_for_clone()
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

struct Snapshot {
    std::string id;  // UUID, made by the driver
    std::string name;
    std::string description;
    std::string parent;  // id of the snapshot it was taken on; "" for a root
    Time created;
    State state = State::stopped;  // of the machine when taken: running, paused or stopped
    bool current = false;          // the machine's disk goes on from here
};

// Points a machine can be taken back to: its disk, and its memory when it was running or paused.
class Snapshots {
public:
    virtual ~Snapshots() = default;
    virtual Result<std::vector<Snapshot>> list(const std::string& id) = 0;  // parents before children
    // From stopped, running and paused; Errc::conflict when suspended. The machine goes on as it was.
    virtual Result<Snapshot> take(const std::string& id, const std::string& name, const std::string& description,
                                  const Op&) = 0;
    // The machine ends in the state the snapshot was taken in; with `stay_paused` a snapshot of a running or paused
    // machine ends paused. Its description (name, processors, memory) may come back with it; observe() shows it at
    // once.
    virtual Result<void> revert(const std::string& id, const std::string& snapshot, bool stay_paused, const Op&) = 0;
    // Children move to its parent unless `with_children`. The machine's present disk is not touched.
    virtual Result<void> remove(const std::string& id, const std::string& snapshot, bool with_children, const Op&) = 0;
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
    // Renames, describes, resizes; all or nothing.
    virtual Result<Observed> change(const std::string& id, const Changes&, const Op&) = 0;
    // Makes a consistent copy-on-write base for a clone: returns the disk image to clone from, which nobody writes any
    // more. The machine itself goes on in a new layer (a new file beside the old one: Observed::disk changes). From
    // stopped, running and paused; Errc::conflict when suspended. machines/ makes the overlay and calls create(). The
    // base lies in the source's home: give the clone a hard link to it, so that either can be deleted first.
    virtual Result<std::string> freeze_disk_for_clone(const std::string& id, const Op&) = 0;
    virtual void listen(ChangeListener) = 0;  // one listener; set before the first call
    // Optional abilities: absent means Errc::unsupported.
    virtual GuestAccess* guest() { return nullptr; }
    virtual Snapshots* snapshots() { return nullptr; }
};

}  // namespace corral::machines
