#include "drivers/hypervisor/libvirt/guest/agent_probe.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <iterator>
#include <string_view>

namespace corral::drivers::libvirt {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Not at once: whoever waits for the agent to run the first command goes first.
constexpr milliseconds first_look{200};
constexpr milliseconds without_address{400};
constexpr int looks_without_address = 40;
constexpr milliseconds settled{30000};

std::string_view text(const json::Value& value, std::string_view member) {
    const json::Value* found = value.is_object() ? value.get_object().if_contains(member) : nullptr;
    return found != nullptr && found->is_string()
               ? std::string_view{found->get_string().data(), found->get_string().size()}
               : std::string_view{};
}

bool is_worth_showing(std::string_view type, std::string_view ip) {
    return type == "ipv4" ? !ip.starts_with("127.") && !ip.starts_with("169.254.")
                          : !ip.starts_with("fe80:") && ip != "::1";
}

// IPv4 first: the contract's clients take the first entry.
std::vector<machines::Address> read_addresses(const json::Value& interfaces) {
    std::vector<machines::Address> found;
    if (!interfaces.is_array()) return found;
    for (const json::Value& one : interfaces.get_array()) {
        const json::Value* list = one.is_object() ? one.get_object().if_contains("ip-addresses") : nullptr;
        if (list == nullptr || !list->is_array()) continue;
        for (const json::Value& address : list->get_array()) {
            const auto type = text(address, "ip-address-type");
            const auto ip = text(address, "ip-address");
            if (is_worth_showing(type, ip)) found.push_back({std::string(type), std::string(ip)});
        }
    }
    std::vector<machines::Address> sorted;
    for (const bool first : {true, false})
        std::ranges::copy_if(found, std::back_inserter(sorted),
                             [&](const auto& address) { return (address.type == "ipv4") == first; });
    return sorted;
}

// The words the contract uses for guests; the agent's ids are those of os-release and "mswindows".
std::string os_word(std::string_view id) { return id == "mswindows" ? "windows" : "linux"; }

}  // namespace

AgentProbe::AgentProbe(Agent& agent, Inventory& inventory, Learned learned)
    : agent_(agent),
      inventory_(inventory),
      learned_(std::move(learned)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

AgentProbe::~AgentProbe() = default;

void AgentProbe::follow(const std::string& id) {
    {
        const std::lock_guard lock(mutex_);
        guests_[id] = Guest{.due = steady_clock::now() + first_look, .looked = 0, .facts = {}};
    }
    changed_.notify_one();
}

void AgentProbe::forget(const std::string& id) {
    const std::lock_guard lock(mutex_);
    guests_.erase(id);
}

void AgentProbe::run(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
        const auto next = std::ranges::min_element(guests_, {}, [](const auto& one) { return one.second.due; });
        if (next == guests_.end()) {
            changed_.wait(lock, stop, [&] { return !guests_.empty(); });
            continue;
        }
        if (next->second.due > steady_clock::now()) {
            const auto due = next->second.due;
            changed_.wait_until(lock, stop, due, [&] {
                return std::ranges::any_of(guests_, [&](const auto& one) { return one.second.due < due; });
            });
            continue;
        }
        const std::string id = next->first;
        Guest guest = next->second;
        lock.unlock();
        const Delay delay = look(id, guest);
        lock.lock();
        // Gone, or connected anew, in the meantime: then this look does not count.
        const auto now_there = guests_.find(id);
        if (now_there == guests_.end() || now_there->second.due != guest.due) continue;
        guest.due = steady_clock::now() + delay;
        now_there->second = std::move(guest);
    }
}

AgentProbe::Delay AgentProbe::look(const std::string& id, Guest& guest) {
    const machines::Op op{.deadline = steady_clock::now() + std::chrono::seconds{2}};
    const auto ask = [&](std::string_view command) {
        return agent_.call_when_free(id, boost::json::object{{"execute", command}}, op);
    };
    ++guest.looked;
    if (guest.facts.agent_version.empty()) {
        if (const auto about = ask("guest-info")) guest.facts.agent_version = text(*about, "version");
    }
    if (guest.facts.os.empty()) {
        if (const auto about = ask("guest-get-osinfo")) guest.facts.os = os_word(text(*about, "id"));
    }
    const auto interfaces = ask("guest-network-get-interfaces");
    if (interfaces) guest.facts.addresses = read_addresses(*interfaces);
    if (inventory_.learned(id, guest.facts)) learned_(id);
    if (!interfaces && interfaces.error().code == Errc::busy) return without_address;
    return guest.facts.addresses.empty() && guest.looked < looks_without_address ? without_address : settled;
}

}  // namespace corral::drivers::libvirt
