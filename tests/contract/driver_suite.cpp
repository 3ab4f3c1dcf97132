#include "driver_suite.hpp"

#include <algorithm>
#include <thread>

namespace corral::contract {

using machines::Change;
using machines::Observed;
using machines::Op;
using machines::PowerAction;
using machines::Spec;
using machines::State;
using std::chrono::milliseconds;

void Heard::add(const std::string& id, Change change) {
    {
        const std::lock_guard lock(mutex_);
        all_.emplace_back(id, change);
    }
    changed_.notify_all();
}

bool Heard::wait_for(const std::string& id, Change change, std::chrono::seconds at_most) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, at_most,
                             [&] { return std::ranges::find(all_, std::pair{id, change}) != all_.end(); });
}

std::vector<Change> Heard::of(const std::string& id) {
    const std::lock_guard lock(mutex_);
    std::vector<Change> changes;
    for (const auto& [one, change] : all_)
        if (one == id) changes.push_back(change);
    return changes;
}

void Heard::clear() {
    const std::lock_guard lock(mutex_);
    all_.clear();
}

Op within(milliseconds time) { return Op{.deadline = std::chrono::steady_clock::now() + time}; }

bool eventually(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(milliseconds{20});  // a poll of a condition that nothing announces
    }
    return true;
}

// A program instantiates the suites that its driver can answer.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RealDriverSuite);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(SnapshotSuite);

void DriverSuite::SetUp() {
    heard_ = std::make_shared<Heard>();
    subject_ = GetParam().make([heard = heard_](const std::string& id, Change change) { heard->add(id, change); });
    ASSERT_NE(subject_, nullptr);
}

void DriverSuite::TearDown() {
    if (!subject_) return;
    for (const std::string& id : made_) {
        const auto destroyed = driver().destroy(id, {});
        EXPECT_TRUE(destroyed) << destroyed.error().message << ": " << destroyed.error().detail;
        EXPECT_EQ(subject_->leftovers(id), std::vector<std::string>{});
    }
}

std::string DriverSuite::create(const Spec& spec) {
    const auto made = driver().create(spec, {});
    EXPECT_TRUE(made) << made.error().message << ": " << made.error().detail;
    if (made) made_.push_back(spec.id);
    return spec.id;
}

void DriverSuite::power(const std::string& id, PowerAction action) {
    const auto done = driver().power(id, action, {});
    ASSERT_TRUE(done) << done.error().message << ": " << done.error().detail;
}

State DriverSuite::state(const std::string& id) {
    const auto seen = driver().observe(id);
    EXPECT_TRUE(seen) << seen.error().message << ": " << seen.error().detail;
    return seen ? seen->state : State::invalid;
}

void DriverSuite::bring_to(const std::string& id, State goal) {
    if (state(id) == goal) return;
    if (goal == State::stopped) return power(id, PowerAction::kill);
    if (state(id) == State::stopped) power(id, PowerAction::start);
    if (state(id) != State::running) power(id, PowerAction::resume);
    if (goal == State::paused) power(id, PowerAction::pause);
    if (goal == State::suspended) power(id, PowerAction::suspend);
    ASSERT_EQ(state(id), goal);
}

TEST_P(DriverSuite, a_new_machine_is_stopped_and_shown_as_described) {
    Spec spec = subject_->blank("first <&> 'one'");
    spec.description = "two\nlines";
    spec.cpus = 2;
    spec.labels = {{"owner", "a&b"}};
    create(spec);
    const auto seen = driver().observe(spec.id);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->id, spec.id);
    EXPECT_EQ(seen->name, spec.name);
    EXPECT_EQ(seen->description, spec.description);
    EXPECT_EQ(seen->state, State::stopped);
    EXPECT_EQ(seen->home, spec.home + "/");
    EXPECT_EQ(seen->disk, spec.disk);
    EXPECT_EQ(seen->disk_bytes, 64U << 20U);
    EXPECT_EQ(seen->architecture, "x86_64");
    EXPECT_EQ(seen->cpus, 2);
    EXPECT_EQ(seen->memory_mib, spec.memory_mib);
    EXPECT_EQ(seen->mac.size(), 17U);
    EXPECT_FALSE(seen->owner.empty());
    EXPECT_EQ(seen->uptime.count(), 0);
    EXPECT_FALSE(seen->agent_connected);
    const auto all = driver().list();
    ASSERT_TRUE(all);
    EXPECT_EQ(std::ranges::count(*all, spec.id, &Observed::id), 1);
    EXPECT_TRUE(heard_->wait_for(spec.id, Change::added));
}

TEST_P(DriverSuite, a_taken_id_or_name_is_a_conflict_and_changes_nothing) {
    const Spec first = subject_->blank("taken");
    create(first);
    Spec same_id = subject_->blank("other");
    same_id.id = first.id;
    const auto id_taken = driver().create(same_id, {});
    ASSERT_FALSE(id_taken);
    EXPECT_EQ(id_taken.error().code, Errc::conflict);
    EXPECT_EQ(driver().observe(first.id)->name, "taken");
    const Spec same_name = subject_->blank("taken");
    const auto name_taken = driver().create(same_name, {});
    ASSERT_FALSE(name_taken);
    EXPECT_EQ(name_taken.error().code, Errc::conflict);
    EXPECT_EQ(driver().observe(same_name.id).error().code, Errc::not_found);
}

TEST_P(DriverSuite, a_machine_that_cannot_be_is_refused_by_name_of_the_fault) {
    Spec no_disk = subject_->blank("no disk");
    no_disk.disk += ".missing";
    EXPECT_EQ(driver().create(no_disk, {}).error().code, Errc::invalid);
    Spec no_name = subject_->blank("");
    EXPECT_EQ(driver().create(no_name, {}).error().code, Errc::invalid);
    Spec no_cpu = subject_->blank("no cpu");
    no_cpu.cpus = 0;
    EXPECT_EQ(driver().create(no_cpu, {}).error().code, Errc::invalid);
    for (const Spec& spec : {no_disk, no_name, no_cpu})
        EXPECT_EQ(driver().observe(spec.id).error().code, Errc::not_found);
}

TEST_P(DriverSuite, an_unknown_machine_is_not_found) {
    for (const std::string id : {"00000000-0000-4000-8000-000000000000", "no uuid at all"}) {
        EXPECT_EQ(driver().observe(id).error().code, Errc::not_found) << id;
        EXPECT_EQ(driver().power(id, PowerAction::start, {}).error().code, Errc::not_found) << id;
        EXPECT_EQ(driver().change(id, {.name = "x"}, {}).error().code, Errc::not_found) << id;
        EXPECT_EQ(driver().freeze_disk_for_clone(id, {}).error().code, Errc::not_found) << id;
        EXPECT_TRUE(driver().destroy(id, {})) << id;
        if (auto* guest = driver().guest()) {
            EXPECT_EQ(guest->execute(id, {.shell_line = "true"}, within(milliseconds{500})).error().code,
                      Errc::not_found);
        }
        if (auto* snapshots = driver().snapshots()) {
            EXPECT_EQ(snapshots->list(id).error().code, Errc::not_found);
        }
    }
}

// The table of PowerAction, cell by cell; each verb twice where it succeeds, because retries happen.
TEST_P(DriverSuite, power_verbs_follow_the_table_from_every_state) {
    using enum PowerAction;
    using Row = std::array<std::optional<State>, 4>;  // from stopped, running, paused, suspended; nothing: refused
    constexpr std::array from{State::stopped, State::running, State::paused, State::suspended};
    const std::vector<std::pair<PowerAction, Row>> table{
        {start, {State::running, State::running, std::nullopt, State::running}},
        {stop, {State::stopped, State::stopped, std::nullopt, std::nullopt}},
        {kill, {State::stopped, State::stopped, State::stopped, State::stopped}},
        {restart, {State::stopped, State::running, std::nullopt, std::nullopt}},
        {reset, {State::stopped, State::running, State::running, State::running}},
        {pause, {std::nullopt, State::paused, State::paused, std::nullopt}},
        {resume, {std::nullopt, State::running, State::running, State::running}},
        {suspend, {std::nullopt, State::suspended, std::nullopt, State::suspended}}};
    const std::string id = create(subject_->blank("table"));
    for (const auto& [action, row] : table) {
        for (std::size_t column = 0; column < from.size(); ++column) {
            SCOPED_TRACE(testing::Message()
                         << "verb " << static_cast<int>(action) << " from " << machines::to_text(from[column]));
            const bool needs_guest = (action == stop || action == restart) && from[column] == State::running;
            if (needs_guest && subject_->is_real()) continue;  // GuestSuite has them
            ASSERT_NO_FATAL_FAILURE(bring_to(id, from[column]));
            const auto done = driver().power(id, action, {});
            if (!row[column]) {
                ASSERT_FALSE(done);
                EXPECT_EQ(done.error().code, Errc::conflict);
                EXPECT_EQ(state(id), from[column]);
                continue;
            }
            ASSERT_TRUE(done) << done.error().message << ": " << done.error().detail;
            EXPECT_EQ(state(id), *row[column]);
            const bool repeats =
                *row[column] == row[static_cast<std::size_t>(std::ranges::find(from, *row[column]) - from.begin())];
            if (!repeats || (needs_guest && subject_->is_real())) continue;
            const auto again = driver().power(id, action, {});
            EXPECT_TRUE(again) << again.error().message << ": " << again.error().detail;
            EXPECT_EQ(state(id), *row[column]);
        }
    }
}

TEST_P(DriverSuite, states_are_told_and_true_when_told) {
    const std::string id = create(subject_->blank("told"));
    heard_->clear();
    power(id, PowerAction::start);
    EXPECT_TRUE(heard_->wait_for(id, Change::state));
    EXPECT_EQ(state(id), State::running);
    heard_->clear();
    power(id, PowerAction::kill);
    EXPECT_TRUE(heard_->wait_for(id, Change::state));
    EXPECT_EQ(state(id), State::stopped);
    heard_->clear();
    ASSERT_TRUE(driver().destroy(id, {}));
    EXPECT_TRUE(heard_->wait_for(id, Change::removed));
}

TEST_P(DriverSuite, changes_come_in_order) {
    const std::string id = create(subject_->blank("order"));
    power(id, PowerAction::start);
    ASSERT_TRUE(driver().destroy(id, {}));
    ASSERT_TRUE(heard_->wait_for(id, Change::removed));
    auto told = heard_->of(id);
    EXPECT_EQ(told.front(), Change::added);
    EXPECT_NE(std::ranges::find(told, Change::state), told.end());
    EXPECT_EQ(std::ranges::count(told, Change::removed), 1);
}

TEST_P(DriverSuite, a_machine_that_vanished_is_not_found_and_its_name_is_free) {
    const Spec spec = subject_->blank("vanishes");
    const std::string id = create(spec);
    power(id, PowerAction::start);
    subject_->vanish(id);
    EXPECT_TRUE(heard_->wait_for(id, Change::removed));
    EXPECT_EQ(driver().observe(id).error().code, Errc::not_found);
    EXPECT_EQ(driver().power(id, PowerAction::kill, {}).error().code, Errc::not_found);
    const auto all = driver().list();
    ASSERT_TRUE(all);
    EXPECT_EQ(std::ranges::count(*all, id, &Observed::id), 0);
    EXPECT_TRUE(driver().destroy(id, {}));
    create(subject_->blank("vanishes"));
}

TEST_P(DriverSuite, a_machine_whose_power_is_lost_shows_stopped_and_starts_again) {
    const std::string id = create(subject_->blank("crashes"));
    power(id, PowerAction::start);
    heard_->clear();
    subject_->crash(id);
    EXPECT_TRUE(heard_->wait_for(id, Change::state));
    EXPECT_TRUE(eventually([&] { return state(id) == State::stopped; }));
    EXPECT_EQ(driver().observe(id)->uptime.count(), 0);
    power(id, PowerAction::start);
    EXPECT_EQ(state(id), State::running);
}

TEST_P(DriverSuite, a_cancelled_or_late_operation_changes_nothing) {
    const Spec spec = subject_->blank("late");
    const Op late = within(milliseconds{-1});
    std::stop_source source;
    source.request_stop();
    const Op cancelled{.cancel = source.get_token()};
    for (const Op& op : {late, cancelled}) {
        EXPECT_EQ(driver().create(spec, op).error().code, Errc::timeout);
        EXPECT_EQ(driver().observe(spec.id).error().code, Errc::not_found);
    }
    const std::string id = create(spec);
    for (const Op& op : {late, cancelled}) {
        EXPECT_EQ(driver().power(id, PowerAction::start, op).error().code, Errc::timeout);
        EXPECT_EQ(driver().change(id, {.name = "x"}, op).error().code, Errc::timeout);
        EXPECT_EQ(driver().freeze_disk_for_clone(id, op).error().code, Errc::timeout);
        EXPECT_EQ(driver().destroy(id, op).error().code, Errc::timeout);
        EXPECT_EQ(state(id), State::stopped);
        EXPECT_EQ(driver().observe(id)->name, "late");
    }
}

TEST_P(RealDriverSuite, a_revert_shows_at_once_what_came_back_with_it) {
    const std::string id = create(subject_->blank("as it was"));
    const auto taken = driver().snapshots()->take(id, "point", "", {});
    ASSERT_TRUE(taken) << taken.error().detail;
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(driver().change(id, {.name = "renamed", .cpus = 2}, {}));
        EXPECT_EQ(driver().observe(id)->name, "renamed");
        ASSERT_TRUE(driver().snapshots()->revert(id, taken->id, false, {}));
        const auto seen = driver().observe(id);
        ASSERT_TRUE(seen);
        EXPECT_EQ(seen->name, "as it was");
        EXPECT_EQ(seen->cpus, 1);
    }
}

TEST_P(RealDriverSuite, a_guest_that_does_not_obey_is_a_timeout_and_goes_on_running) {
    const std::string id = create(subject_->blank("deaf"));
    power(id, PowerAction::start);
    for (const PowerAction action : {PowerAction::stop, PowerAction::restart}) {
        const auto done = driver().power(id, action, within(milliseconds{400}));
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error().code, Errc::timeout);
        EXPECT_EQ(state(id), State::running);
    }
    std::stop_source source;
    std::jthread canceller([&] { source.request_stop(); });
    const auto begun = std::chrono::steady_clock::now();
    const auto done = driver().power(id, PowerAction::stop, Op{.cancel = source.get_token()});
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Errc::timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{5});
    const auto asked = driver().guest()->execute(id, {.shell_line = "true"}, within(milliseconds{400}));
    ASSERT_FALSE(asked);
    EXPECT_EQ(asked.error().code, Errc::timeout);
}

TEST_P(DriverSuite, names_change_at_any_time_and_sizes_while_stopped) {
    create(subject_->blank("other"));
    const std::string id = create(subject_->blank("before"));
    EXPECT_EQ(driver().change(id, {.name = "other"}, {}).error().code, Errc::conflict);
    auto seen = driver().change(id, {.name = "after", .description = "new", .cpus = 3, .memory_mib = 48}, {});
    ASSERT_TRUE(seen) << seen.error().detail;
    EXPECT_EQ(seen->name, "after");
    EXPECT_EQ(seen->description, "new");
    EXPECT_EQ(seen->cpus, 3);
    EXPECT_EQ(seen->memory_mib, 48);
    EXPECT_TRUE(heard_->wait_for(id, Change::updated));
    EXPECT_EQ(driver().change(id, {.cpus = 0}, {}).error().code, Errc::invalid);
    for (const State at : {State::running, State::paused, State::suspended}) {
        SCOPED_TRACE(machines::to_text(at));
        ASSERT_NO_FATAL_FAILURE(bring_to(id, at));
        EXPECT_EQ(driver().change(id, {.memory_mib = 64}, {}).error().code, Errc::conflict);
        const std::string name = "when " + std::string(machines::to_text(at));
        seen = driver().change(id, {.name = name, .description = ""}, {});
        ASSERT_TRUE(seen) << seen.error().detail;
        EXPECT_EQ(seen->name, name);
        EXPECT_EQ(seen->description, "");
        EXPECT_EQ(seen->state, at);
    }
    power(id, PowerAction::resume);
    EXPECT_EQ(driver().observe(id)->name, "when suspended");
    power(id, PowerAction::kill);
    EXPECT_EQ(driver().observe(id)->name, "when suspended");
    EXPECT_EQ(driver().observe(id)->memory_mib, 48);
    create(subject_->blank("before"));  // is free again
}

TEST_P(DriverSuite, machines_outlive_the_driver) {
    const std::string stopped = create(subject_->blank("stopped"));
    const std::string running = create(subject_->blank("running"));
    const std::string suspended = create(subject_->blank("suspended"));
    bring_to(running, State::running);
    bring_to(suspended, State::suspended);
    const auto before = driver().observe(running);
    subject_->reopen([heard = heard_](const std::string& id, Change change) { heard->add(id, change); });
    EXPECT_EQ(state(stopped), State::stopped);
    EXPECT_EQ(state(running), State::running);
    EXPECT_EQ(state(suspended), State::suspended);
    const auto after = driver().observe(running);
    EXPECT_EQ(after->name, before->name);
    EXPECT_EQ(after->disk, before->disk);
    EXPECT_EQ(driver().create(subject_->blank("running"), {}).error().code, Errc::conflict);
    heard_->clear();
    power(running, PowerAction::kill);
    EXPECT_TRUE(heard_->wait_for(running, Change::state));
    power(suspended, PowerAction::start);
    EXPECT_EQ(state(suspended), State::running);
}

TEST_P(DriverSuite, clones_of_a_stopped_machine_share_one_base) {
    const std::string source = create(subject_->blank("source"));
    const auto base = driver().freeze_disk_for_clone(source, {});
    ASSERT_TRUE(base) << base.error().message << ": " << base.error().detail;
    const std::string clone = create(subject_->clone("clone", *base));
    const auto again = driver().freeze_disk_for_clone(source, {});
    ASSERT_TRUE(again);
    EXPECT_EQ(*again, *base);
    if (subject_->is_real()) {
        EXPECT_NE(driver().observe(source)->disk, *base);
    }
    EXPECT_EQ(driver().observe(source)->disk_bytes, 64U << 20U);
    EXPECT_EQ(driver().observe(clone)->disk_bytes, 64U << 20U);
    power(source, PowerAction::start);
    power(clone, PowerAction::start);
    EXPECT_EQ(state(source), State::running);
    EXPECT_EQ(state(clone), State::running);
    power(source, PowerAction::suspend);
    EXPECT_EQ(driver().freeze_disk_for_clone(source, {}).error().code, Errc::conflict);
}

TEST_P(DriverSuite, a_running_or_paused_machine_can_be_cloned) {
    const std::string source = create(subject_->blank("live"));
    power(source, PowerAction::start);
    const auto base = driver().freeze_disk_for_clone(source, {});
    ASSERT_TRUE(base) << base.error().message << ": " << base.error().detail;
    EXPECT_EQ(state(source), State::running);
    power(source, PowerAction::pause);
    const auto second = driver().freeze_disk_for_clone(source, {});
    ASSERT_TRUE(second) << second.error().message << ": " << second.error().detail;
    EXPECT_EQ(state(source), State::paused);
    create(subject_->clone("copy of live", *base));
    power(source, PowerAction::kill);
    power(source, PowerAction::start);  // from its layers
    EXPECT_EQ(state(source), State::running);
}

TEST_P(SnapshotSuite, snapshots_form_a_tree_and_bring_states_back) {
    machines::Snapshots* snapshots = driver().snapshots();
    ASSERT_NE(snapshots, nullptr);
    const std::string id = create(subject_->blank("snapshots"));
    const auto cold = snapshots->take(id, "cold", "first\nsecond", {});
    ASSERT_TRUE(cold) << cold.error().message << ": " << cold.error().detail;
    EXPECT_EQ(cold->state, State::stopped);
    power(id, PowerAction::start);
    const auto warm = snapshots->take(id, "warm", "", {});
    ASSERT_TRUE(warm) << warm.error().message << ": " << warm.error().detail;
    EXPECT_EQ(state(id), State::running);
    auto all = snapshots->list(id);
    ASSERT_TRUE(all);
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ(all->at(0).name, "cold");
    EXPECT_EQ(all->at(0).description, "first\nsecond");
    EXPECT_EQ(all->at(1).parent, cold->id);
    EXPECT_EQ(all->at(1).state, State::running);
    EXPECT_TRUE(all->at(1).current);
    EXPECT_FALSE(all->at(0).current);

    ASSERT_TRUE(snapshots->revert(id, cold->id, false, {}));
    EXPECT_EQ(state(id), State::stopped);
    const auto reverted = snapshots->revert(id, warm->id, false, {});
    ASSERT_TRUE(reverted) << reverted.error().detail;
    EXPECT_EQ(state(id), State::running);
    ASSERT_TRUE(snapshots->revert(id, warm->id, true, {}));
    EXPECT_EQ(state(id), State::paused);
    EXPECT_EQ(snapshots->revert(id, "unknown", false, {}).error().code, Errc::not_found);
    EXPECT_EQ(snapshots->remove(id, "unknown", false, {}).error().code, Errc::not_found);

    ASSERT_TRUE(snapshots->remove(id, cold->id, false, {}));
    all = snapshots->list(id);
    ASSERT_EQ(all->size(), 1U);
    EXPECT_EQ(all->at(0).parent, "");
    ASSERT_TRUE(snapshots->remove(id, warm->id, true, {}));
    EXPECT_TRUE(snapshots->list(id)->empty());
    power(id, PowerAction::resume);
    power(id, PowerAction::suspend);
    EXPECT_EQ(snapshots->take(id, "no", "", {}).error().code, Errc::conflict);
}

}  // namespace corral::contract
