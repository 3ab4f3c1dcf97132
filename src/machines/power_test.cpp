// Power verbs: what each does from which state, who is meant by a name, and that verbs on one machine take turns.
#include <barrier>

#include "support/machines_test.hpp"

namespace corral::machines {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Power : public MachinesTest {};

constexpr std::array states{State::stopped, State::running, State::paused, State::suspended};

// The contract's table (behaviour-b 2.4) with what QEMU makes of the open cells; nothing: 400, and nothing is changed.
TEST_F(Power, verbs_follow_the_table_from_every_state) {
    using enum PowerAction;
    struct Row {
        const char* verb;
        PowerAction action;
        bool force;
        std::array<std::optional<State>, 4> from;  // stopped, running, paused, suspended
    };
    const std::vector<Row> table{
        {"start", start, false, {State::running, State::running, std::nullopt, std::nullopt}},
        {"stop", stop, false, {State::stopped, State::stopped, std::nullopt, std::nullopt}},
        {"stop by force", stop, true, {State::stopped, State::stopped, State::stopped, State::stopped}},
        {"pause", pause, false, {std::nullopt, State::paused, State::paused, std::nullopt}},
        {"suspend", suspend, false, {std::nullopt, State::suspended, std::nullopt, State::suspended}},
        {"resume", resume, false, {std::nullopt, std::nullopt, State::running, State::running}},
        {"restart", restart, false, {State::stopped, State::running, std::nullopt, std::nullopt}},
        {"reset", reset, false, {State::stopped, State::running, State::running, State::running}},
        {"start by force", start, true, {State::running, State::running, std::nullopt, std::nullopt}},
    };
    const std::string id = add("table");
    for (const Row& row : table)
        for (std::size_t column = 0; column < states.size(); ++column) {
            SCOPED_TRACE(testing::Message() << row.verb << " from " << to_text(states[column]));
            ASSERT_NO_FATAL_FAILURE(bring_to(id, states[column]));
            const auto done = service_->power(MachineRef(id), row.action, row.force);
            const auto& goal = row.from[column];
            if (goal)
                EXPECT_TRUE(ok(done));
            else
                EXPECT_TRUE(fails_with(Errc::invalid, done));
            EXPECT_EQ(state(id), to_text(goal.value_or(states[column]))) << "shown at once";
            EXPECT_EQ(value_of(driver_->observe(id)).state, goal.value_or(states[column]));
        }
}

TEST_F(Power, a_machine_is_meant_by_its_id_or_its_name_in_any_case) {
    const std::string id = add("My Machine");
    std::string shouted = id;
    for (char& c : shouted) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    for (const std::string& reference : {id, shouted, std::string("My Machine"), std::string("my machine")}) {
        ASSERT_NO_FATAL_FAILURE(power(reference, PowerAction::start));
        EXPECT_EQ(value_of(service_->get(MachineRef(reference))).id, id);
        EXPECT_EQ(value_of(service_->status(MachineRef(reference))).status, "running");
        ASSERT_NO_FATAL_FAILURE(power(reference, PowerAction::stop));
    }
    const std::string twin = add(id.substr(1));  // a name that is nearly the other's id
    EXPECT_EQ(value_of(service_->get(MachineRef(id))).id, id);
    EXPECT_EQ(value_of(service_->get(MachineRef(id.substr(1)))).id, twin) << "nothing is matched by halves";
}

TEST_F(Power, an_unknown_machine_is_404_for_every_verb) {
    for (const char* reference : {"", "nobody", "00000000-0000-4000-8000-000000000000", "../x"})
        for (const auto action : {PowerAction::start, PowerAction::stop, PowerAction::pause, PowerAction::reset})
            EXPECT_TRUE(fails_with(Errc::not_found, service_->power(MachineRef(reference), action, true)));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->get(MachineRef("nobody"))));
    EXPECT_TRUE(fails_with(Errc::not_found, service_->status(MachineRef("nobody"))));
}

TEST_F(Power, m49_is_judged_by_what_is_true_now_not_by_what_was_seen_last) {
    driver_->tells = false;
    restart();
    const std::string id = add("behind our back");
    power(id, PowerAction::start);
    driver_->real().crash(id);
    EXPECT_EQ(state(id), "running") << "nobody has told us";
    EXPECT_TRUE(fails_with(Errc::invalid, service_->power(MachineRef(id), PowerAction::pause, false)));
    EXPECT_EQ(state(id), "stopped");
    power(id, PowerAction::start);
    EXPECT_EQ(state(id), "running");
    driver_->real().vanish(id);
    EXPECT_TRUE(fails_with(Errc::not_found, service_->power(MachineRef(id), PowerAction::stop, true)));
    EXPECT_EQ(state(id), "not there");
}

TEST_F(Power, a_failing_hypervisor_is_told_as_such_and_the_truth_is_shown) {
    const std::string id = add("fails");
    driver_->real().fail_next({Errc::upstream, "QEMU said no"});
    EXPECT_TRUE(fails_with(Errc::upstream, service_->power(MachineRef(id), PowerAction::start, false)));
    EXPECT_EQ(state(id), "stopped");
    driver_->real().fail_next({Errc::timeout, "it took too long"});
    EXPECT_TRUE(fails_with(Errc::timeout, service_->power(MachineRef(id), PowerAction::start, false)));
    power(id, PowerAction::start);
}

TEST_F(Power, each_change_of_state_is_one_event_with_both_states) {
    const std::string id = add("events");
    const auto since = last_event();
    power(id, PowerAction::start);
    power(id, PowerAction::start);  // no change, no event
    power(id, PowerAction::pause);
    power(id, PowerAction::stop, true);
    std::vector<std::string> changes;
    for (const auto& event : value_of(events_.since(since, 1000)))
        if (event.message == "VM_STATE_CHANGED") {
            const auto body = value_of(json::read<StateChanged>(event.body));
            EXPECT_EQ(body.vm_id, id);
            EXPECT_EQ(event.type, events::Type::pdfm);
            changes.push_back(body.previous_state + "-" + body.current_state);
        }
    EXPECT_EQ(changes, (Texts{"stopped-running", "running-paused", "paused-stopped"}));
}

TEST_F(Power, verbs_on_one_machine_take_turns_and_none_is_lost_or_doubled) {
    const std::string id = add("turns");
    const auto since = last_event();
    driver_->on_power([](const std::string&, PowerAction) { std::this_thread::yield(); });
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 8; ++t)
            all.emplace_back([&, t] {
                for (int i = 0; i < 12; ++i) {
                    const auto action = (t + i) % 2 == 0 ? PowerAction::start : PowerAction::stop;
                    EXPECT_TRUE(ok(service_->power(MachineRef(id), action, false)));
                }
            });
    }
    driver_->on_power({});
    EXPECT_FALSE(driver_->overlapped());
    std::string before = "stopped";
    for (const auto& event : value_of(events_.since(since, 10'000))) {
        if (event.message != "VM_STATE_CHANGED") continue;
        const auto body = value_of(json::read<StateChanged>(event.body));
        EXPECT_EQ(body.previous_state, before) << "events tell one story";
        EXPECT_NE(body.current_state, before);
        before = body.current_state;
    }
    EXPECT_EQ(state(id), before);
    EXPECT_EQ(to_text(value_of(driver_->observe(id)).state), before);
}

TEST_F(Power, no_more_machines_start_at_once_than_the_hypervisor_bears_and_all_do) {
    driver_->concurrent_starts = 2;
    restart();
    std::vector<std::string> ids;
    for (int i = 0; i < 6; ++i) ids.push_back(add("vm-" + std::to_string(i)));
    const std::string running = add("running");
    power(running, PowerAction::start);
    std::atomic<int> starting{0};
    std::atomic<int> most{0};
    std::barrier both(2);  // two are at work together before the first is done
    std::atomic<int> arrivals{0};
    driver_->on_power([&](const std::string& id, PowerAction action) {
        if (action != PowerAction::start && action != PowerAction::resume) return;
        const int now = ++starting;
        for (int seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
        }
        if (arrivals++ < 2) {
            both.arrive_and_wait();
            EXPECT_TRUE(ok(service_->power(MachineRef(running), PowerAction::reset, false)))
                << "other verbs are not held up";
        }
        (void)id;
        --starting;
    });
    {
        std::vector<std::jthread> all;
        for (const std::string& id : ids)
            all.emplace_back([&, id] { EXPECT_TRUE(ok(service_->power(MachineRef(id), PowerAction::start, false))); });
    }
    driver_->on_power({});
    EXPECT_EQ(most, 2);
    for (const std::string& id : ids) EXPECT_EQ(state(id), "running");
}

TEST_F(Power, clients_13_the_address_is_a_dash_until_it_is_known) {
    const std::string id = add("address");
    EXPECT_EQ(value_of(service_->status(MachineRef(id))).ip_configured, "-");
    power(id, PowerAction::start);
    const auto status = value_of(service_->status(MachineRef(id)));
    EXPECT_EQ(status.id, id);
    EXPECT_EQ(status.ip_configured, value_of(driver_->observe(id)).addresses.front().ip);
    power(id, PowerAction::stop);
    EXPECT_EQ(value_of(service_->status(MachineRef(id))).ip_configured, "-");
}

// ---- rename

TEST_F(Power, m8_renaming_answers_with_the_new_name_which_counts_at_once) {
    const std::string id = add("before");
    const auto since = last_event();
    const auto answer = value_of(service_->rename(MachineRef("before"), {.new_name = "after", .description = "new"}));
    EXPECT_EQ(answer.id, id);
    EXPECT_EQ(answer.name, "after");
    EXPECT_EQ(answer.description, "new");
    EXPECT_EQ(state("before"), "not there");
    EXPECT_EQ(state("after"), "stopped");
    EXPECT_EQ(record(id)->name, "after");
    EXPECT_EQ(told(id, since), Texts{"VM_UPDATED"});
    restart();
    EXPECT_EQ(state("after"), "stopped");
    EXPECT_EQ(value_of(service_->rename(MachineRef(id), {.new_name = "AFTER"})).name, "AFTER") << "only its case";
    EXPECT_EQ(value_of(service_->get(MachineRef(id))).description, "new") << "what is not given stays";
}

TEST_F(Power, renaming_is_refused_while_it_runs_or_when_the_name_is_taken_or_none) {
    const std::string id = add("one");
    add("two");
    EXPECT_TRUE(fails_with(Errc::conflict, service_->rename(MachineRef(id), {.new_name = "TWO"})));
    for (const char* name : {"", "a/b", ".hidden", "-option", " blank", "blank ", "line\nbreak"})
        EXPECT_TRUE(fails_with(Errc::invalid, service_->rename(MachineRef(id), {.new_name = name}))) << name;
    EXPECT_TRUE(fails_with(Errc::not_found, service_->rename(MachineRef("nobody"), {.new_name = "x"})));
    power(id, PowerAction::start);
    EXPECT_TRUE(fails_with(Errc::invalid, service_->rename(MachineRef(id), {.new_name = "x"})));
    EXPECT_EQ(names(), (Texts{"one", "two"}));
}

}  // namespace
}  // namespace corral::machines
