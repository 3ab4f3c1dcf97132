// How libvirt's words become ours, against libvirt's own test hypervisor, which needs nothing on the host.
#include "drivers/hypervisor/libvirt/state.hpp"

#include "base/temp_folder.hpp"
#include "drivers/hypervisor/libvirt/event_loop.hpp"
#include "support/testing.hpp"

namespace corral::drivers {
namespace {

using machines::State;
using testing_support::ok;
using testing_support::value_of;

class LibvirtState : public testing::Test {
protected:
    void SetUp() override {
        libvirt::ensure_event_loop("/dev/null");
        libvirt::Connection connection(virConnectOpen("test:///default"));
        ASSERT_NE(connection, nullptr);
        state_ = std::make_unique<LibvirtDriver::State>(std::move(connection), libvirt::Place{}, libvirt::Platform{});
        domain_.reset(virDomainLookupByName(state_->connection.get(), "test"));
        ASSERT_NE(domain_, nullptr);
    }
    State seen(int state, int reason = 0) { return state_->state_of(domain_.get(), state, reason); }

    std::unique_ptr<LibvirtDriver::State> state_;
    libvirt::Domain domain_;
};

TEST_F(LibvirtState, every_state_of_libvirt_has_a_word_of_the_contract) {
    EXPECT_EQ(seen(VIR_DOMAIN_RUNNING), State::running);
    EXPECT_EQ(seen(VIR_DOMAIN_BLOCKED), State::running);
    EXPECT_EQ(seen(VIR_DOMAIN_PMSUSPENDED), State::running) << "asleep inside the guest";
    EXPECT_EQ(seen(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER), State::paused);
    EXPECT_EQ(seen(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR), State::paused);
    EXPECT_EQ(seen(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_STARTING_UP), State::starting);
    EXPECT_EQ(seen(VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SAVE), State::suspending);
    EXPECT_EQ(seen(VIR_DOMAIN_SHUTDOWN), State::stopping);
    EXPECT_EQ(seen(VIR_DOMAIN_SHUTOFF), State::stopped);
    EXPECT_EQ(seen(VIR_DOMAIN_CRASHED), State::stopped);
}

TEST_F(LibvirtState, off_with_its_memory_saved_is_suspended) {
    ASSERT_EQ(value_of(state_->state_of(domain_.get())), State::running);
    ASSERT_EQ(virDomainManagedSave(domain_.get(), 0), 0);
    EXPECT_EQ(value_of(state_->state_of(domain_.get())), State::suspended);
    EXPECT_EQ(value_of(state_->observe(domain_.get())).state, State::suspended);
    ASSERT_EQ(virDomainManagedSaveRemove(domain_.get(), 0), 0);
    EXPECT_EQ(value_of(state_->state_of(domain_.get())), State::stopped);
}

TEST_F(LibvirtState, a_machine_is_shown_with_what_its_state_allows) {
    libvirt::Entry entry;
    entry.definition.id = "1";
    entry.definition.name = "vm";
    entry.definition.home = "/m/vm/";
    entry.definition.cpus = 2;
    entry.disk_bytes = 7;
    entry.started = std::chrono::steady_clock::now() - std::chrono::seconds{90};
    entry.agent_connected = true;
    entry.guest = {.agent_version = "7.2", .os = "", .addresses = {{"ipv4", "192.0.2.1"}}};
    const auto on = state_->show(entry, State::running);
    EXPECT_GE(on.uptime, std::chrono::seconds{90});
    EXPECT_TRUE(on.agent_connected);
    EXPECT_EQ(on.addresses.size(), 1U);
    EXPECT_EQ(on.type, "qemu");
    EXPECT_EQ(on.os, "linux") << "never empty";
    EXPECT_EQ(on.disk_bytes, 7U);
    EXPECT_FALSE(on.owner.empty());
    const auto paused = state_->show(entry, State::paused);
    EXPECT_FALSE(paused.agent_connected) << "nobody answers there";
    EXPECT_EQ(paused.addresses.size(), 1U);
    for (const State off : {State::stopped, State::suspended}) {
        const auto seen = state_->show(entry, off);
        EXPECT_EQ(seen.uptime.count(), 0);
        EXPECT_FALSE(seen.agent_connected);
        EXPECT_TRUE(seen.addresses.empty());
    }
}

TEST_F(LibvirtState, a_machine_is_read_once_and_again_when_it_has_changed) {
    const auto first = value_of(state_->known(domain_.get()));
    EXPECT_EQ(first.definition.name, "test");
    EXPECT_EQ(first.definition.id, libvirt::id_of(domain_.get()));
    EXPECT_TRUE(first.started) << "it runs since before we looked";
    const auto changed = state_->change(domain_.get(), {.name = "renamed", .description = "d"}, State::running);
    ASSERT_TRUE(ok(changed));
    EXPECT_EQ(changed->name, "renamed");
    EXPECT_EQ(changed->description, "d");
    EXPECT_EQ(state_->inventory.id_of_name("renamed"), first.definition.id);
    EXPECT_EQ(state_->inventory.id_of_name("test"), std::nullopt);
}

}  // namespace
}  // namespace corral::drivers
