// Clones, what they stand on, and removal: everything goes, but never what somebody else needs.
#include "support/machines_test.hpp"

namespace corral::machines {
namespace {

namespace fs = std::filesystem;
using testing_support::caller;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

class Clone : public MachinesTest {
protected:
    std::string clone(const std::string& source, const std::string& name) {
        const auto done = value_of(service_->clone(root_, MachineRef(source), {.clone_name = name}));
        EXPECT_EQ(done.status, "Success");
        return done.id;
    }
    void remove(const std::string& machine, bool force = false) {
        ASSERT_TRUE(ok(service_->remove(MachineRef(machine), force)));
    }
    std::string disk(const std::string& id) { return value_of(driver_->observe(id)).disk; }
    std::string phase(const std::string& id) {
        const auto kept = record(id);
        return kept ? kept->phase : "gone";
    }
};

TEST_F(Clone, is_a_machine_of_its_own_that_looks_like_its_source) {
    const std::string source = add("source");
    ASSERT_TRUE(ok(service_->rename(MachineRef(source), {.new_name = "source", .description = "described"})));
    const std::string copy = clone("SOURCE", "copy");
    EXPECT_NE(copy, source);
    const Observed a = value_of(driver_->observe(source));
    const Observed b = value_of(driver_->observe(copy));
    EXPECT_EQ(b.name, "copy");
    EXPECT_EQ(b.description, "described");
    EXPECT_EQ(b.cpus, a.cpus);
    EXPECT_EQ(b.memory_mib, a.memory_mib);
    EXPECT_EQ(b.disk_bytes, a.disk_bytes);
    EXPECT_EQ(b.home, settings_.folder + "/copy.qemu/");
    EXPECT_NE(b.mac, a.mac) << "m4: each has an address of its own";
    EXPECT_EQ(state("copy"), "stopped");
    EXPECT_EQ(names(), (Texts{"source", "copy"}));
    EXPECT_EQ(told(copy), Texts{"VM_ADDED"});
    EXPECT_TRUE(is_whole_disk(b.disk));
    EXPECT_TRUE(is_whole_disk(a.disk));
    EXPECT_EQ(pins(), (std::set<std::string>{source, copy})) << "the image is kept for both";
}

TEST_F(Clone, of_a_running_or_paused_machine_leaves_it_as_it_is) {
    const std::string source = add("source");
    power(source, PowerAction::start);
    clone(source, "of-running");
    EXPECT_EQ(state(source), "running");
    power(source, PowerAction::pause);
    clone(source, "of-paused");
    EXPECT_EQ(state(source), "paused");
    EXPECT_EQ(state("of-running"), "stopped");
    EXPECT_EQ(state("of-paused"), "stopped");
}

TEST_F(Clone, that_cannot_be_is_refused_and_leaves_nothing) {
    const std::string source = add("source");
    const auto ask = [&](const std::string& machine, const std::string& name, const std::string& place = "",
                         const Caller& who = testing_support::super_user()) {
        return service_->clone(who, MachineRef(machine), {.clone_name = name, .destination_path = place});
    };
    EXPECT_TRUE(fails_with(Errc::not_found, ask("nobody", "copy")));
    EXPECT_TRUE(fails_with(Errc::conflict, ask(source, "Source")));
    EXPECT_TRUE(fails_with(Errc::invalid, ask(source, "a/b")));
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(source, "copy", "/etc/x")));
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(source, "copy", folder_ / "elsewhere", caller("ann"))));
    bring_to(source, State::suspended);
    EXPECT_TRUE(fails_with(Errc::invalid, ask(source, "copy")));
    bring_to(source, State::stopped);
    driver_->real().fail_next({Errc::upstream, "no"});
    EXPECT_TRUE(fails_with(Errc::upstream, ask(source, "copy")));
    image_is_there_ = false;
    EXPECT_FALSE(ask(source, "copy"));
    image_is_there_ = true;
    EXPECT_EQ(names(), Texts{"source"});
    EXPECT_EQ(records(), 1U);
    EXPECT_EQ(homes(), Texts{"source.qemu"});
    EXPECT_EQ(pins(), std::set<std::string>{source});
    remove(source);
    EXPECT_EQ(homes(), Texts{}) << "the tries left no tie behind";
    EXPECT_EQ(records(), 0U);
}

TEST_F(Clone, may_stand_in_another_folder_which_is_made) {
    const std::string source = add("source");
    const auto done = service_->clone(root_, MachineRef(source),
                                      {.clone_name = "copy", .destination_path = folder_ / "usual/deep/er"});
    ASSERT_TRUE(ok(done));
    EXPECT_EQ(value_of(service_->get(MachineRef(done->id))).home, folder_ / "usual/deep/er/copy.qemu/");
}

TEST_F(Clone, what_it_stands_on_stays_until_the_last_clone_is_gone) {
    const std::string source = add("source");
    const std::string first = clone(source, "first");
    const std::string second = clone(source, "second");
    const std::string third = clone(first, "third");  // a clone of a clone
    const std::string top = disk(source);
    remove(source);
    EXPECT_EQ(phase(source), "base");
    EXPECT_EQ(names(), (Texts{"first", "second", "third"}));
    EXPECT_FALSE(files::exists(top)) << "its own layer goes at once";
    EXPECT_TRUE(files::exists(settings_.folder + "/source.qemu"));
    for (const std::string& id : {first, second, third}) EXPECT_TRUE(is_whole_disk(disk(id))) << id;
    remove(first);
    EXPECT_EQ(phase(first), "base");
    EXPECT_TRUE(is_whole_disk(disk(third)));
    EXPECT_TRUE(is_whole_disk(disk(second)));
    remove(second);
    EXPECT_EQ(phase(second), "gone");
    EXPECT_TRUE(is_whole_disk(disk(third)));
    restart();
    EXPECT_TRUE(is_whole_disk(disk(third)));
    const std::string fourth = clone(third, "fourth");  // of layers whose machines are all gone
    EXPECT_TRUE(is_whole_disk(disk(fourth)));
    remove(fourth);
    remove(third);
    EXPECT_EQ(records(), 0U);
    EXPECT_EQ(homes(), Texts{});
    EXPECT_EQ(pins(), std::set<std::string>{});
}

TEST_F(Clone, the_name_and_place_of_a_removed_source_can_be_used_again_at_once) {
    const std::string source = add("source");
    clone(source, "copy");
    remove(source);
    const std::string again = add("source");
    EXPECT_EQ(value_of(service_->get(MachineRef(again))).home, settings_.folder + "/source_1.qemu/")
        << "the base keeps its folder";
}

TEST_F(Clone, many_at_once_of_one_machine_all_succeed) {
    const std::string source = add("source");
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t)
            all.emplace_back([&, t] {
                EXPECT_TRUE(ok(service_->clone(root_, MachineRef(source), {.clone_name = "c" + std::to_string(t)})));
            });
    }
    EXPECT_EQ(names().size(), 5U);
    for (const std::string& name : names())
        EXPECT_TRUE(is_whole_disk(disk(value_of(service_->get(MachineRef(name))).id)));
}

// ---- removal

class Remove : public Clone {};

TEST_F(Remove, takes_the_machine_with_its_files_pin_and_record_and_tells_so) {
    const std::string id = add("vm");
    const auto since = last_event();
    remove("VM");
    EXPECT_EQ(names(), Texts{});
    EXPECT_EQ(state(id), "not there");
    EXPECT_EQ(records(), 0U);
    EXPECT_EQ(homes(), Texts{});
    EXPECT_EQ(pins(), std::set<std::string>{});
    EXPECT_TRUE(fails_with(Errc::not_found, driver_->observe(id)));
    EXPECT_EQ(told(id, since), Texts{"VM_REMOVED"});
    EXPECT_TRUE(fails_with(Errc::not_found, service_->remove(MachineRef(id), true)));
    EXPECT_EQ(value_of(service_->get(MachineRef(add("vm")))).home, settings_.folder + "/vm.qemu/");
}

TEST_F(Remove, wants_a_stopped_machine_or_force) {
    for (const State from : {State::running, State::paused, State::suspended}) {
        const std::string id = add("vm");
        ASSERT_NO_FATAL_FAILURE(bring_to(id, from));
        EXPECT_TRUE(fails_with(Errc::invalid, service_->remove(MachineRef(id), false))) << to_text(from);
        EXPECT_EQ(state(id), to_text(from));
        remove(id, true);
        EXPECT_EQ(homes(), Texts{});
    }
}

TEST_F(Remove, m49_judges_by_what_is_true_now) {
    driver_->tells = false;
    restart();
    const std::string id = add("vm");
    power(id, PowerAction::start);
    driver_->real().crash(id);
    EXPECT_EQ(state(id), "running") << "nobody has told us";
    remove(id);
    EXPECT_EQ(records(), 0U);
}

TEST_F(Remove, that_the_hypervisor_refuses_leaves_the_machine_as_if_nothing_had_been_asked) {
    const std::string id = add("vm");
    driver_->real().fail_next({Errc::upstream, "no"});
    EXPECT_TRUE(fails_with(Errc::upstream, service_->remove(MachineRef(id), false)));
    EXPECT_EQ(state("vm"), "stopped");
    EXPECT_EQ(phase(id), "present");
    EXPECT_TRUE(is_whole_disk(disk(id)));
    power(id, PowerAction::start);
    remove(id, true);
    EXPECT_EQ(homes(), Texts{});
}

TEST_F(Remove, that_a_crash_cut_off_is_finished_at_the_next_start) {
    const std::string id = add("vm");
    const std::string kept = add("kept");
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::set_phase(tx, id, "deleting"); })));
    restart();
    EXPECT_EQ(names(), Texts{"kept"});
    EXPECT_EQ(homes(), Texts{"kept.qemu"});
    EXPECT_EQ(pins(), std::set<std::string>{kept});
    ASSERT_TRUE(ok(driver_->destroy(kept, {})));  // the next one got further before it was cut off
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::set_phase(tx, kept, "deleting"); })));
    restart();
    EXPECT_EQ(records(), 0U);
    EXPECT_EQ(homes(), Texts{});
}

TEST_F(Remove, a_base_whose_last_clone_went_with_a_crash_is_freed_at_the_next_start) {
    const std::string source = add("source");
    const std::string copy = clone(source, "copy");
    remove(source);
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::unlink(tx, copy); })));
    restart();
    EXPECT_EQ(phase(source), "gone");
    EXPECT_EQ(homes(), Texts{"copy.qemu"});
}

TEST_F(Remove, of_the_source_and_cloning_it_at_once_leave_a_whole_clone_or_none) {
    for (int round = 0; round < 6; ++round) {
        const std::string source = add("source");
        Result<CloneResponse> cloned = Error{};
        {
            std::jthread cloner([&] { cloned = service_->clone(root_, MachineRef(source), {.clone_name = "copy"}); });
            std::jthread remover([&] { EXPECT_TRUE(ok(service_->remove(MachineRef(source), true))); });
        }
        if (cloned) {
            EXPECT_TRUE(is_whole_disk(disk(cloned->id)));
            remove(cloned->id);
        }
        EXPECT_EQ(records(), 0U);
        EXPECT_EQ(homes(), Texts{});
        EXPECT_EQ(pins(), std::set<std::string>{});
    }
}

TEST_F(Remove, at_once_by_many_happens_once) {
    const std::string id = add("vm");
    const auto since = last_event();
    std::atomic<int> done{0};
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 4; ++t)
            all.emplace_back([&] {
                const auto one = service_->remove(MachineRef(id), true);
                if (one)
                    ++done;
                else
                    EXPECT_TRUE(fails_with(Errc::not_found, one));
            });
    }
    EXPECT_EQ(done, 1);
    EXPECT_EQ(told(id, since), Texts{"VM_REMOVED"});
}

}  // namespace
}  // namespace corral::machines
