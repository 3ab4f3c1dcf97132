// Making machines from images: what they are, what is refused, and that nothing half made is ever left.
#include <latch>

#include "jobs/store.hpp"
#include "support/machines_test.hpp"

namespace corral::machines {
namespace {

namespace fs = std::filesystem;
using testing_support::caller;
using testing_support::eventually;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::value_of;

class Create : public MachinesTest {
protected:
    Result<CreateResponse> create(const std::function<void(CreateRequest&)>& change) {
        CreateRequest wanted = request("vm");
        change(wanted);
        return service_->create(root_, wanted);
    }
    void expect_nothing_left() {
        EXPECT_EQ(names(), Texts{});
        EXPECT_EQ(records(), 0U);
        EXPECT_EQ(homes(), Texts{});
        EXPECT_EQ(pins(), std::set<std::string>{});
        EXPECT_TRUE(value_of(driver_->list()).empty());
    }
};

TEST_F(Create, answers_with_the_machine_which_is_there_for_everybody) {
    const auto made = value_of(service_->create(caller("ann"), request("vm")));
    EXPECT_EQ(made.id.size(), 36U);
    EXPECT_EQ(made.name, "vm");
    EXPECT_EQ(made.host, "here");
    EXPECT_EQ(made.current_state, "stopped");
    const VirtualMachine shown = value_of(service_->get(MachineRef("vm")));
    EXPECT_EQ(shown.id, made.id);
    EXPECT_EQ(shown.home, settings_.folder + "/vm.qemu/");
    EXPECT_EQ(shown.description, "from the catalog");
    EXPECT_EQ(names(), Texts{"vm"});
    const auto kept = record(made.id);
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->phase, "present");
    EXPECT_EQ(kept->owner, "ann");
    EXPECT_EQ(kept->digest, "digest");
    EXPECT_EQ(pins(), std::set<std::string>{made.id});
    EXPECT_EQ(told(made.id), Texts{"VM_ADDED"});
}

TEST_F(Create, the_disk_is_a_thin_overlay_of_the_image_in_a_private_home) {
    const std::string id = add("vm");
    const std::string disk = value_of(driver_->observe(id)).disk;
    EXPECT_EQ(disk, settings_.folder + "/vm.qemu/disk.qcow2");
    EXPECT_LT(fs::file_size(disk), 300'000U);
    EXPECT_TRUE(is_whole_disk(disk));
    EXPECT_EQ(value_of(driver_->observe(id)).disk_bytes, 4U << 20) << "as large as the image";
    EXPECT_EQ(fs::status(settings_.folder + "/vm.qemu").permissions(), fs::perms(0700));
}

TEST_F(Create, sizes_are_those_asked_for_else_the_image_s_least_else_ours) {
    const auto sizes = [&](const char* name, const std::optional<Specs>& specs) {
        CreateRequest wanted = request(name);
        wanted.catalog_manifest->specs = specs;
        const auto seen = value_of(driver_->observe(value_of(service_->create(root_, wanted)).id));
        return std::to_string(seen.cpus) + " " + std::to_string(seen.memory_mib);
    };
    EXPECT_EQ(sizes("default", {}), "2 2048");
    EXPECT_EQ(sizes("asked", Specs{.cpu = "4", .memory = "512"}), "4 512");
    EXPECT_EQ(sizes("auto", Specs{.cpu = "auto", .memory = ""}), "2 2048");
    least_ = catalog::MinimumRequirements{.cpu = 3, .memory = 4096};
    EXPECT_EQ(sizes("least", {}), "3 4096");
    EXPECT_EQ(sizes("asked for less", Specs{.cpu = "1"}), "1 4096");
}

TEST_F(Create, c9_the_architecture_is_the_one_asked_for) {
    const auto made = value_of(create([](auto& r) { r.architecture = "arm64"; }));
    EXPECT_EQ(value_of(driver_->observe(made.id)).architecture, "arm64");
}

TEST_F(Create, m36_a_machine_that_shall_start_is_started_once_with_its_sizes) {
    std::atomic<int> starts{0};
    driver_->on_power([&](const std::string& id, PowerAction action) {
        EXPECT_EQ(action, PowerAction::start);
        EXPECT_EQ(value_of(driver_->real().observe(id)).cpus, 4);
        ++starts;
    });
    const auto made = value_of(create([](auto& r) {
        r.start_on_create = true;
        r.catalog_manifest->specs = Specs{.cpu = "4"};
    }));
    EXPECT_EQ(made.current_state, "running");
    EXPECT_EQ(starts, 1);
    EXPECT_EQ(told(made.id), (Texts{"VM_ADDED", "VM_STATE_CHANGED", "VM_UPDATED"})) << "with an address by then";
}

TEST_F(Create, its_job_has_the_contract_s_steps_and_result) {
    const jobs::Job job = value_of(service_->create_async(root_, request("vm")));
    EXPECT_EQ(job.job_type, "machines");
    EXPECT_EQ(job.job_operation, "create");
    EXPECT_EQ(job.state, "pending");
    const jobs::Job end = value_of(jobs_->wait(JobId(job.id)));
    EXPECT_EQ(end.result_record_name, "vm");
    EXPECT_EQ(end.result_record_type, "virtual_machine");
    EXPECT_EQ(end.result_record_link_id, "here");
    EXPECT_EQ(end.result, "Virtual machine " + end.result_record_id + " created");
    std::string steps;
    double weights = 0;
    for (const jobs::Step& step : end.steps) {
        steps += step.name + ":" + step.state + " ";
        weights += step.weight;
    }
    EXPECT_EQ(weights, 100);
    EXPECT_NE(steps.find("pull_register_stage:completed"), std::string::npos) << steps;
    EXPECT_NE(steps.find("pull_rename_stage:skipped"), std::string::npos) << steps;
    EXPECT_NE(steps.find("pull_start_stage:skipped"), std::string::npos) << steps;
}

TEST_F(Create, a_pull_makes_a_machine_and_answers_with_it_and_its_record) {
    const auto pulled = value_of(service_->pull(
        root_, {.catalog_id = "ubuntu", .version = "24", .machine_name = "vm", .start_after_pull = true}));
    EXPECT_EQ(pulled.machine_name, "vm");
    EXPECT_EQ(state(pulled.machine_id), "running");
    ASSERT_TRUE(pulled.manifest);
    EXPECT_EQ(pulled.manifest->version, "24");
    const jobs::Job job = value_of(jobs_->list(root_)).front();
    EXPECT_EQ(job.job_type, "catalog");
    EXPECT_EQ(job.job_operation, "pull");
    EXPECT_EQ(job.result, "Virtual Machine Pulled and Registered");
}

// ---- refused

TEST_F(Create, wrong_requests_are_refused_before_any_job) {
    using R = CreateRequest;
    for (const char* name : {"", ".hidden", "-rf", "a/b", "../up", " blank", "blank ", "line\nbreak", "del\x7f"})
        EXPECT_TRUE(refuses_field("/name", create([&](R& r) { r.name = name; }))) << name;
    EXPECT_TRUE(refuses_field("/name", create([](R& r) { r.name = std::string(101, 'x'); })));
    EXPECT_TRUE(fails_with(Errc::invalid, create([](R& r) { r.catalog_manifest.reset(); })));
    EXPECT_TRUE(fails_with(Errc::invalid, create([](R& r) { r.packer_template.text = "{}"; }))) << "two sources";
    EXPECT_TRUE(fails_with(Errc::invalid, create([](R& r) {
                               r.catalog_manifest.reset();
                               r.vagrant_box.text = "{}";
                           })));
    EXPECT_TRUE(refuses_field("/architecture", create([](R& r) { r.architecture = "vax"; })));
    for (const char* bad : {"0", "-1", "four", "1.5", "4 ", "513", "99999999999"})
        EXPECT_TRUE(refuses_field("/catalog_manifest/specs/cpu",
                                  create([&](R& r) { r.catalog_manifest->specs = Specs{.cpu = bad}; })))
            << bad;
    EXPECT_TRUE(refuses_field("/catalog_manifest/specs/memory",
                              create([](R& r) { r.catalog_manifest->specs = Specs{.memory = "0"}; })));
    EXPECT_TRUE(refuses_field("/catalog_manifest/path",
                              create([&](R& r) { r.catalog_manifest->path = folder_ / "usual/none"; })));
    EXPECT_TRUE(fails_with(Errc::invalid, create([](R& r) {
                               r.catalog_manifest->connection = "host=x";
                               r.catalog_manifest->catalog_manager_id = "y";
                           })));
    EXPECT_TRUE(value_of(jobs_->list(root_)).empty());
    expect_nothing_left();
}

TEST_F(Create, c2_a_machine_is_put_only_where_its_maker_may_put_it) {
    fs::create_directory(folder_ / "other");
    const auto at = [&](const Caller& who, const std::string& path) {
        CreateRequest wanted = request("vm-" + std::to_string(records()));
        wanted.catalog_manifest->path = path;
        return service_->create(who, wanted);
    };
    EXPECT_TRUE(fails_with(Errc::forbidden, at(root_, "/etc")));
    EXPECT_TRUE(fails_with(Errc::forbidden, at(root_, folder_ / "data")));
    EXPECT_TRUE(fails_with(Errc::forbidden, at(caller("ann"), folder_ / "other")));
    EXPECT_TRUE(ok(at(caller("ann"), folder_ / "usual")));
    const auto made = at(root_, folder_ / "other");
    ASSERT_TRUE(ok(made));
    EXPECT_EQ(value_of(service_->get(MachineRef(made->id))).home, folder_ / "other/" + made->name + ".qemu/");
}

TEST_F(Create, a_taken_name_is_a_conflict_whatever_its_case_and_a_taken_folder_is_not) {
    add("Taken");
    EXPECT_TRUE(fails_with(Errc::conflict, create([](auto& r) { r.name = "tAKEN"; })));
    fs::create_directory(settings_.folder + "/vm.qemu");
    fs::create_directory(settings_.folder + "/vm_1.qemu");
    const auto made = value_of(create([](auto&) {}));
    EXPECT_EQ(value_of(service_->get(MachineRef(made.id))).home, settings_.folder + "/vm_2.qemu/");
    EXPECT_EQ(made.name, "vm");
}

TEST_F(Create, of_many_with_one_name_exactly_one_wins_and_the_others_leave_nothing) {
    std::atomic<int> made{0};
    {
        std::vector<std::jthread> all;
        for (int t = 0; t < 6; ++t)
            all.emplace_back([&] {
                const auto one = service_->create(root_, request("vm"));
                if (one)
                    ++made;
                else
                    EXPECT_TRUE(fails_with(Errc::conflict, one));
            });
    }
    EXPECT_EQ(made, 1);
    EXPECT_EQ(names(), Texts{"vm"});
    EXPECT_EQ(records(), 1U);
    EXPECT_EQ(homes(), Texts{"vm.qemu"});
    EXPECT_EQ(pins().size(), 1U);
}

// ---- failures in the middle

TEST_F(Create, what_fails_on_the_way_is_told_with_its_code_and_leaves_nothing) {
    on_bring = [](jobs::Progress&) -> Result<void> { return Error{Errc::not_found, "There is no such image"}; };
    const auto without_image = create([](auto&) {});
    ASSERT_TRUE(fails_with(Errc::not_found, without_image));
    EXPECT_EQ(without_image.error().message, "There is no such image");
    expect_nothing_left();
    on_bring = {};
    driver_->real().fail_next({Errc::upstream, "QEMU said no"});
    EXPECT_TRUE(fails_with(Errc::upstream, create([](auto&) {})));
    expect_nothing_left();
    image_is_there_ = false;
    EXPECT_TRUE(fails_with(Errc::conflict, create([](auto&) {})));
    expect_nothing_left();
    image_is_there_ = true;
    ASSERT_TRUE(ok(files::remove_tree(base())));
    EXPECT_TRUE(fails_with(Errc::upstream, create([](auto&) {}))) << "the disk cannot be made";
    expect_nothing_left();
    testing_support::write_at(base(), "x", 0, 1U << 20);
    EXPECT_TRUE(ok(create([](auto&) {}))) << "and the name was never lost";
    EXPECT_EQ(value_of(events_.since(0, 1000)).back().message, "JOB_COMPLETED");
}

TEST_F(Create, a_cancelled_one_leaves_nothing) {
    std::latch bringing{1};
    on_bring = [&](jobs::Progress& progress) -> Result<void> {
        bringing.count_down();
        std::latch cancelled{1};
        const std::stop_callback told(progress.cancel(), [&] { cancelled.count_down(); });
        cancelled.wait();
        return {};  // it comes to its end all the same
    };
    const jobs::Job job = value_of(service_->create_async(root_, request("vm")));
    bringing.wait();
    ASSERT_TRUE(ok(jobs_->cancel(root_, Ref<JobTag>(job.id))));
    EXPECT_FALSE(jobs_->wait(JobId(job.id)));
    expect_nothing_left();
}

TEST_F(Create, a_machine_in_the_making_is_neither_listed_nor_found_and_its_name_is_taken) {
    std::string id;
    driver_->on_observe([&](const std::string& asked) -> Result<void> {
        if (!id.empty()) return {};
        id = asked;  // the first look, before it is shown
        EXPECT_EQ(names(), Texts{});
        EXPECT_EQ(state(asked), "not there");
        EXPECT_TRUE(fails_with(Errc::conflict, service_->create_async(root_, request("VM"))));
        return {};
    });
    const auto made = value_of(create([](auto&) {}));
    EXPECT_EQ(made.id, id);
    driver_->on_observe({});
}

// ---- crashes

TEST_F(Create, what_a_crash_left_half_made_is_removed_with_all_its_parts) {
    const std::string id = add("half");
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::set_phase(tx, id, "creating"); })));
    restart();
    expect_nothing_left();
    EXPECT_TRUE(ok(create([](auto& r) { r.name = "half"; })));
}

TEST_F(Create, a_job_goes_on_after_a_crash_wherever_it_came) {
    const jobs::Job job = value_of(service_->create_async(root_, request("vm")));
    const jobs::Job done = value_of(jobs_->wait(JobId(job.id)));
    const std::string id = done.result_record_id;
    struct Crash {
        const char* where;
        std::function<void()> leave;
    };
    for (const Crash& crash : std::initializer_list<Crash>{
             {"before anything", [&] { ASSERT_TRUE(ok(service_->remove(MachineRef(id), true))); }},
             {"in the middle",
              [&] { ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { store::set_phase(tx, id, "creating"); }))); }},
             {"after it was made", [] {}}}) {
        SCOPED_TRACE(crash.where);
        crash.leave();
        ASSERT_TRUE(ok(
            database_->write([&](db::Tx& tx) { tx.exec("UPDATE jobs SET state = 'running' WHERE id = :1", job.id); })));
        restart();
        jobs_->resume_after_restart();
        const auto end = jobs_->wait(JobId(job.id));
        ASSERT_TRUE(ok(end));
        EXPECT_EQ(end->result_record_id, id) << "the same machine";
        EXPECT_EQ(names(), Texts{"vm"});
        EXPECT_EQ(records(), 1U);
        EXPECT_EQ(homes(), Texts{"vm.qemu"});
    }
}

}  // namespace
}  // namespace corral::machines
