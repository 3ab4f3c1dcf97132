// What is shown is what is true: changes behind our back are noticed, told once, and never invented.
#include "machines/inventory.hpp"

#include <memory>
#include <mutex>

#include "support/machines_test.hpp"

namespace corral::machines {
namespace {

using namespace std::chrono_literals;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Truth : public MachinesTest {
protected:
    // A machine that somebody else makes with the hypervisor's own tools.
    std::string made_by_others(const std::string& name) {
        const std::string home = folder_ / ("usual/" + name);
        std::filesystem::create_directory(home);
        testing_support::write_at(home + "/disk.raw", "x", 0, 1U << 20);
        const Spec spec{.id = crypto::random_uuid(), .name = name, .home = home, .disk = home + "/disk.raw"};
        EXPECT_TRUE(ok(driver_->create(spec, {})));
        return spec.id;
    }
    testing::AssertionResult comes(const std::string& id, const Texts& messages, std::int64_t since) {
        return eventually([&] { return told(id, since) == messages; })
                   ? testing::AssertionSuccess()
                   : testing::AssertionFailure() << testing::PrintToString(told(id, since));
    }
};

TEST_F(Truth, what_others_do_to_machines_becomes_events_and_is_shown) {
    const std::string mine = add("mine");
    const auto since = last_event();
    const std::string theirs = made_by_others("theirs");
    EXPECT_TRUE(comes(theirs, {"VM_ADDED"}, since));
    EXPECT_TRUE(eventually([&] { return names() == Texts{"mine", "theirs"}; }));
    ASSERT_TRUE(ok(driver_->real().power(mine, PowerAction::start, {})));
    EXPECT_TRUE(comes(mine, {"VM_STATE_CHANGED", "VM_UPDATED"}, since)) << "with an address and its agent";
    EXPECT_EQ(state("mine"), "running");
    driver_->real().crash(mine);
    EXPECT_TRUE(eventually([&] { return state("mine") == "stopped"; }));
    ASSERT_TRUE(ok(driver_->real().change(theirs, {.name = "renamed"}, {})));
    EXPECT_TRUE(eventually([&] { return state("renamed") == "stopped"; }));
    EXPECT_EQ(state("theirs"), "not there");
    driver_->real().vanish(theirs);
    EXPECT_TRUE(comes(theirs, {"VM_ADDED", "VM_UPDATED", "VM_REMOVED"}, since));
    EXPECT_TRUE(eventually([&] { return names() == Texts{"mine"}; }));
}

TEST_F(Truth, who_hears_an_event_and_asks_sees_what_it_tells) {
    struct Heard {
        std::mutex mutex;
        std::vector<std::pair<std::string, std::string>> events;  // with the state that was shown at that moment
    };
    const auto heard = std::make_shared<Heard>();
    events_.listen([heard, &inventory = service_->inventory()](const events::Event& event) {
        if (event.type != events::Type::pdfm || event.message == "VM_UPDATED") return;
        const auto seen = inventory.find("theirs");
        const std::lock_guard lock(heard->mutex);
        heard->events.emplace_back(event.message, seen ? std::string(to_text(seen->state)) : "not there");
    });
    const std::string theirs = made_by_others("theirs");
    EXPECT_TRUE(eventually([&] { return state("theirs") == "stopped"; }));
    ASSERT_TRUE(ok(driver_->real().power(theirs, PowerAction::start, {})));
    EXPECT_TRUE(eventually([&] { return state("theirs") == "running"; }));
    driver_->real().vanish(theirs);
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    EXPECT_TRUE(eventually([&] {
        const std::lock_guard lock(heard->mutex);
        return heard->events ==
               Pairs{{"VM_ADDED", "stopped"}, {"VM_STATE_CHANGED", "running"}, {"VM_REMOVED", "not there"}};
    })) << testing::PrintToString(heard->events);
}

TEST_F(Truth, a_lost_message_costs_delay_and_never_truth) {
    driver_->tells = false;
    settings_.full_interval = 20ms;
    restart();
    const auto since = last_event();
    const std::string id = made_by_others("unheard");
    EXPECT_TRUE(comes(id, {"VM_ADDED"}, since));
    driver_->real().vanish(id);
    EXPECT_TRUE(comes(id, {"VM_ADDED", "VM_REMOVED"}, since));
}

TEST_F(Truth, looking_again_invents_no_event) {
    const std::string id = add("vm");
    power(id, PowerAction::start);
    const auto since = last_event();
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(value_of(service_->inventory().refresh(id)));
    EXPECT_EQ(told(id, since), Texts{});
    EXPECT_FALSE(value_of(service_->inventory().refresh("nobody")));
    EXPECT_EQ(last_event(), since);
}

TEST_F(Truth, a_start_of_the_service_finds_the_machines_again_without_events_and_in_the_same_order) {
    for (const char* name : {"b", "a", "c"}) add(name);
    power("a", PowerAction::start);
    const auto since = last_event();
    restart();
    EXPECT_EQ(state("a"), "running") << "machines outlive the service";
    EXPECT_EQ(last_event(), since);
    const Texts once = names();
    EXPECT_EQ(once.size(), 3U);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(names(), once);
}

TEST_F(Truth, clients_21_lists_keep_their_order_and_new_ones_come_last) {
    for (const char* name : {"m", "z", "a"}) add(name);
    EXPECT_EQ(names(), (Texts{"m", "z", "a"}));
    power("z", PowerAction::start);
    ASSERT_TRUE(ok(service_->rename(MachineRef("m"), {.new_name = "q"})));
    EXPECT_EQ(names(), (Texts{"q", "z", "a"}));
    ASSERT_TRUE(ok(service_->remove(MachineRef("z"), true)));
    add("b");
    EXPECT_EQ(names(), (Texts{"q", "a", "b"}));
}

TEST_F(Truth, when_the_hypervisor_does_not_answer_what_was_known_stays) {
    const std::string id = add("vm");
    driver_->on_observe([](const std::string&) -> Result<void> { return Error{Errc::upstream, "it hangs"}; });
    EXPECT_TRUE(fails_with(Errc::upstream, service_->inventory().refresh(id)));
    EXPECT_TRUE(fails_with(Errc::upstream, service_->power(MachineRef(id), PowerAction::start, false)));
    EXPECT_TRUE(fails_with(Errc::upstream, service_->remove(MachineRef(id), true)));
    EXPECT_EQ(state(id), "stopped") << "silence is not absence";
    driver_->on_observe({});
    EXPECT_TRUE(ok(service_->remove(MachineRef(id), true)));
}

TEST_F(Truth, uptime_goes_on_between_two_looks_and_is_no_change) {
    const std::string id = add("vm");
    EXPECT_EQ(value_of(service_->get(MachineRef(id))).uptime, "0");
    power(id, PowerAction::start);
    const auto since = last_event();
    EXPECT_TRUE(eventually([&] { return value_of(service_->get(MachineRef(id))).uptime != "0"; }));
    EXPECT_EQ(told(id, since), Texts{});
}

TEST_F(Truth, an_event_shows_the_machine_as_clients_see_it) {
    const std::string id = add("vm");
    for (const auto& event : value_of(events_.since(0, 1000)))
        if (event.message == "VM_ADDED") {
            const auto body = value_of(json::read<MachineShown>(event.body));
            EXPECT_EQ(body.vm_id, id);
            EXPECT_EQ(json::to_text(body.new_vm), json::to_text(value_of(service_->get(MachineRef(id)))));
        }
}

TEST_F(Truth, many_readers_and_writers_see_whole_machines_only) {
    const std::string id = add("vm");
    std::atomic<bool> stop{false};
    std::vector<std::jthread> readers;
    for (int t = 0; t < 3; ++t)
        readers.emplace_back([&] {
            while (!stop)
                for (const auto& machine : value_of(service_->list())) {
                    const bool on = machine.state == "running";
                    EXPECT_EQ(!machine.internal_ip_address.empty(), on) << "state and address belong together";
                }
        });
    for (int i = 0; i < 15; ++i) {
        power(id, PowerAction::start);
        power(id, PowerAction::stop);
    }
    stop = true;
}

}  // namespace
}  // namespace corral::machines
