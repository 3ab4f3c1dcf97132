#include "drivers/hypervisor/libvirt/inventory.hpp"

#include <fstream>
#include <thread>

#include "base/temp_folder.hpp"
#include "support/testing.hpp"

namespace corral::drivers::libvirt {
namespace {

using namespace std::chrono_literals;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Known : public testing::Test {
protected:
    static Definition definition(const std::string& id, const std::string& name) {
        Definition out;
        out.id = id;
        out.name = name;
        return out;
    }
    static GuestFacts facts(const std::string& ip) {
        return {.agent_version = "7.2", .os = "Debian", .addresses = {{"ipv4", ip}}};
    }
    Inventory inventory_;
};

TEST_F(Known, a_machine_is_found_by_id_and_its_name_leads_to_it) {
    EXPECT_EQ(inventory_.find("1"), std::nullopt);
    TempFolder folder;
    std::ofstream(folder / "disk") << "12345";
    Definition d = definition("1", "vm");
    d.disk = folder / "disk";
    EXPECT_EQ(inventory_.define(d).disk_bytes, 5U);
    EXPECT_EQ(inventory_.find("1")->definition.name, "vm");
    EXPECT_EQ(inventory_.id_of_name("vm"), "1");
    EXPECT_EQ(inventory_.id_of_name("VM"), std::nullopt);
}

TEST_F(Known, an_outdated_description_is_missed_until_it_is_read_again_and_the_rest_is_kept) {
    inventory_.define(definition("1", "old"));
    const auto since = std::chrono::steady_clock::now();
    inventory_.powered_on("1", since);
    inventory_.agent("1", true);
    EXPECT_TRUE(inventory_.learned("1", facts("192.0.2.1")));
    inventory_.outdate("1");
    inventory_.outdate("unknown");
    EXPECT_EQ(inventory_.find("1"), std::nullopt);
    const Entry again = inventory_.define(definition("1", "new"));
    EXPECT_EQ(again.started, since);
    EXPECT_TRUE(again.agent_connected);
    EXPECT_EQ(again.guest.addresses.front().ip, "192.0.2.1");
    EXPECT_EQ(inventory_.id_of_name("old"), std::nullopt) << "the old name is free";
    EXPECT_EQ(inventory_.id_of_name("new"), "1");
}

TEST_F(Known, a_forgotten_machine_frees_its_name_unless_another_has_taken_it) {
    inventory_.define(definition("1", "vm"));
    inventory_.define(definition("2", "vm"));  // made with other tools
    inventory_.forget("1");
    EXPECT_EQ(inventory_.id_of_name("vm"), "2");
    inventory_.forget("2");
    EXPECT_EQ(inventory_.id_of_name("vm"), std::nullopt);
    inventory_.forget("2");
    EXPECT_EQ(inventory_.find("2"), std::nullopt);
}

TEST_F(Known, events_of_machines_that_were_not_read_yet_are_remembered) {
    const auto since = std::chrono::steady_clock::now();
    inventory_.powered_on("1", since);
    inventory_.agent("1", true);
    inventory_.rebooted("1");
    EXPECT_EQ(inventory_.find("1"), std::nullopt) << "its description is not known";
    const Entry entry = inventory_.define(definition("1", "vm"));
    EXPECT_EQ(entry.started, since);
    EXPECT_TRUE(entry.agent_connected);
    EXPECT_EQ(entry.reboots, 1U);
}

TEST_F(Known, a_machine_that_is_off_has_no_agent_and_no_address) {
    inventory_.define(definition("1", "vm"));
    inventory_.powered_on("1", std::chrono::steady_clock::now());
    inventory_.agent("1", true);
    inventory_.learned("1", facts("192.0.2.1"));
    inventory_.powered_off("1");
    const Entry off = inventory_.find("1").value();
    EXPECT_FALSE(off.started);
    EXPECT_FALSE(off.agent_connected);
    EXPECT_TRUE(off.guest.addresses.empty());
    EXPECT_EQ(off.guest.os, "Debian") << "what does not change is kept";
    inventory_.powered_off("unknown");
}

TEST_F(Known, an_agent_that_goes_takes_the_addresses_with_it) {
    inventory_.define(definition("1", "vm"));
    inventory_.agent("1", true);
    inventory_.learned("1", facts("192.0.2.1"));
    inventory_.agent("1", false);
    EXPECT_TRUE(inventory_.find("1")->guest.addresses.empty());
    EXPECT_FALSE(inventory_.learned("1", facts("192.0.2.1")))
        << "a late answer of an agent that is gone counts for nothing";
}

TEST_F(Known, only_what_differs_is_news) {
    EXPECT_FALSE(inventory_.learned("unknown", facts("192.0.2.1")));
    inventory_.define(definition("1", "vm"));
    inventory_.agent("1", true);
    EXPECT_TRUE(inventory_.learned("1", facts("192.0.2.1")));
    EXPECT_FALSE(inventory_.learned("1", facts("192.0.2.1")));
    EXPECT_TRUE(inventory_.learned("1", facts("192.0.2.2")));
    GuestFacts more = facts("192.0.2.2");
    more.addresses.push_back({"ipv6", "2001:db8::1"});
    EXPECT_TRUE(inventory_.learned("1", more));
    std::swap(more.addresses[0], more.addresses[1]);
    EXPECT_TRUE(inventory_.learned("1", more)) << "the preferred one comes first";
}

// ---- waiting

TEST_F(Known, waiting_ends_at_once_when_it_holds_already) {
    EXPECT_EQ(value_of(inventory_.wait({}, 1h, []() -> Result<bool> { return true; })), true);
    EXPECT_EQ(value_of(inventory_.wait({}, 0ms, []() -> Result<bool> { return true; })), true);
}

TEST_F(Known, waiting_ends_when_something_changes_that_makes_it_hold) {
    std::atomic<bool> on{false};
    std::atomic<int> looked{0};
    std::jthread changer([&] {
        while (looked == 0) std::this_thread::yield();
        on = true;
        inventory_.wake();
    });
    EXPECT_EQ(value_of(inventory_.wait({}, 1h,
                                       [&]() -> Result<bool> {
                                           ++looked;
                                           return on.load();
                                       })),
              true);
}

TEST_F(Known, waiting_looks_again_by_itself_should_a_message_be_lost) {
    std::atomic<int> looked{0};
    EXPECT_EQ(value_of(inventory_.wait({}, 1h, [&]() -> Result<bool> { return ++looked == 3; })), true);
}

TEST_F(Known, waiting_ends_with_false_when_its_time_is_over_and_with_an_error_when_the_operation_s_is) {
    const auto never = []() -> Result<bool> { return false; };
    EXPECT_EQ(value_of(inventory_.wait({}, 10ms, never)), false);
    EXPECT_TRUE(
        fails_with(Errc::timeout, inventory_.wait({.deadline = std::chrono::steady_clock::now() + 10ms}, 1h, never)));
    std::stop_source stop;
    std::atomic<bool> begun{false};
    std::jthread canceller([&] {
        while (!begun) std::this_thread::yield();
        stop.request_stop();
    });
    EXPECT_TRUE(fails_with(Errc::timeout, inventory_.wait({.cancel = stop.get_token()}, 1h, [&]() -> Result<bool> {
        begun = true;
        return false;
    })));
    EXPECT_TRUE(fails_with(Errc::not_found, inventory_.wait({}, 1h, []() -> Result<bool> {
        return Error{Errc::not_found, "it is gone"};
    }))) << "what the look found out is passed on";
}

}  // namespace
}  // namespace corral::drivers::libvirt
