// Pushing a disk or a folder of this server: what becomes of it, and what is refused.
#include "catalog/identifiers.hpp"
#include "jobs/store.hpp"
#include "platform/process/process.hpp"
#include "support/catalog_test.hpp"

namespace corral::catalog {
namespace {

namespace fs = std::filesystem;
using testing_support::caller;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::same_content;
using testing_support::TestProgress;
using testing_support::value_of;
using testing_support::write_at;

class PushToCatalog : public CatalogTest {
protected:
    std::string pulled(const std::string& id) {
        TestProgress progress;
        return value_of(catalog_->image_for(root_, {.catalog_id = id, .architecture = "x86_64"}, progress)).disk_path;
    }
    void qemu_img(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "qemu-img");
        const auto done = value_of(process::run({.argv = arguments}));
        ASSERT_EQ(done.exit_code, 0) << done.err;
    }
};

TEST_F(PushToCatalog, gives_a_record_with_all_that_was_asked_for) {
    PushRequest wanted = request("Ubuntu", "24.04");
    wanted.description = "A test";
    wanted.tags = {"stable"};
    wanted.required_roles = {"OPS"};
    wanted.required_claims = {"USE"};
    wanted.minimum_requirements = MinimumRequirements{.cpu = 2, .memory = 2048, .disk = 10'000};
    const Manifest m = pushed(wanted);
    EXPECT_EQ(m.id.size(), 64U);
    EXPECT_EQ(m.catalog_id, "UBUNTU") << "c19: as it is kept";
    EXPECT_EQ(m.name, "ubuntu-x86_64-24.04");
    EXPECT_EQ(m.version, "24.04");
    EXPECT_EQ(m.architecture, "x86_64");
    EXPECT_EQ(m.type, "qemu");
    EXPECT_EQ(m.description, "A test");
    EXPECT_EQ(m.tags, (std::vector<std::string>{"stable", "latest"}));
    EXPECT_EQ(m.required_roles, wanted.required_roles);
    EXPECT_EQ(m.required_claims, wanted.required_claims);
    EXPECT_EQ(m.minimum_requirements->memory, 2048);
    EXPECT_EQ(m.size, 2 << 20);
    EXPECT_EQ(m.pack_size, 200'000 / 65'536 * 65'536 + 65'536) << "whole chunks of data";
    EXPECT_EQ(m.path, folder_ / "store/ubuntu");
    EXPECT_EQ(m.created_at, clock_.now());
    EXPECT_EQ(m.provider->type, "local-storage");
    EXPECT_EQ(kept(m.id)->name, m.name) << "it is what is stored";
}

TEST_F(PushToCatalog, leaves_the_two_files_by_which_other_servers_find_it) {
    const Manifest m = pushed("Ubuntu", "24.04");
    EXPECT_EQ(m.pack_filename, "ubuntu-x86_64-24.04.pdpack");
    EXPECT_EQ(m.metadata_filename, "ubuntu-x86_64-24.04.meta");
    const auto pointer = value_of(json::read<PackPointer>(file_in_store("ubuntu/" + m.pack_filename)));
    EXPECT_EQ(pointer.format, "corral-chunks");
    EXPECT_EQ(pointer.version, 1);
    EXPECT_EQ(pointer.digest, kept(m.id)->digest);
    const auto filed = value_of(json::read<Manifest>(file_in_store("ubuntu/" + m.metadata_filename)));
    EXPECT_EQ(filed.id, m.id);
    EXPECT_EQ(filed.catalog_id, "UBUNTU");
    EXPECT_FALSE(filed.provider);
}

TEST_F(PushToCatalog, takes_raw_and_qcow2_and_gives_the_same_disk) {
    const std::string raw = disk("raw", 1);
    const std::string qcow2 = folder_ / "disks/disk.qcow2";
    qemu_img({"convert", "-f", "raw", "-O", "qcow2", raw, qcow2});
    PushRequest first = request("raw", "1");
    first.local_path = raw;
    PushRequest second = request("qcow2", "1");
    second.local_path = qcow2;
    const Manifest a = pushed(first);
    const Manifest b = pushed(second);
    EXPECT_EQ(kept(a.id)->digest, kept(b.id)->digest);
    EXPECT_TRUE(same_content(pulled("qcow2"), raw));
}

TEST_F(PushToCatalog, of_a_machine_takes_the_disk_its_guest_sees) {
    const std::string base = disk("base", 7);
    const std::string home = folder_ / "usual/vm.qemu";
    fs::create_directory(home);
    qemu_img({"create", "-q", "-f", "qcow2", "-b", base, "-F", "raw", home + "/disk.qcow2"});
    settings_.machine_disk = [&](const std::string& folder) -> std::optional<std::string> {
        return folder == home ? std::optional(home + "/disk.qcow2") : std::nullopt;
    };
    restart();
    PushRequest wanted = request("vm", "1");
    wanted.local_path = home;
    pushed(wanted);
    EXPECT_TRUE(same_content(pulled("vm"), base));
}

TEST_F(PushToCatalog, c2_an_image_that_names_other_files_is_refused) {
    const std::string secret = disk("secret", 9);
    const std::string trap = folder_ / "disks/trap.qcow2";
    qemu_img({"create", "-q", "-f", "qcow2", "-b", secret, "-F", "raw", trap});
    PushRequest wanted = request("trap", "1");
    wanted.local_path = trap;
    EXPECT_TRUE(fails_with(Errc::invalid, catalog_->push(root_, wanted)));
    EXPECT_TRUE(value_of(catalog_->list(root_)).empty());
}

TEST_F(PushToCatalog, a_second_push_of_the_same_brings_no_chunk) {
    pushed("ubuntu", "1", 5);
    const auto before = value_of(storage().list("corral/packs"));
    PushRequest same = request("ubuntu", "2");
    same.local_path = folder_ / "disks/ubuntu15";
    pushed(same);
    EXPECT_EQ(value_of(storage().list("corral/packs")).size(), before.size());
}

TEST_F(PushToCatalog, wrong_requests_are_refused_at_once_by_the_member) {
    const auto ask = [&](const std::function<void(PushRequest&)>& change) {
        PushRequest wanted = request("ubuntu", "24");
        change(wanted);
        auto sync = catalog_->push(root_, wanted);
        auto async = catalog_->push_async(root_, wanted);
        EXPECT_FALSE(async);
        EXPECT_EQ(sync.error().message, async.error().message);
        return sync;
    };
    EXPECT_TRUE(refuses_field("/version", ask([](auto& r) { r.version = "24 04"; })));
    EXPECT_TRUE(refuses_field("/version", ask([](auto& r) { r.version = "../24"; })));
    EXPECT_TRUE(refuses_field("/architecture", ask([](auto& r) { r.architecture = "riscv"; })));
    EXPECT_TRUE(refuses_field("/local_path", ask([&](auto& r) { r.local_path = folder_ / "disks/none"; })));
    EXPECT_TRUE(refuses_field("/connection", ask([](auto& r) { r.connection = "nonsense"; })));
    EXPECT_TRUE(fails_with(Errc::invalid, ask([](auto& r) { r.local_path = "relative/path"; })));
    EXPECT_TRUE(value_of(jobs_->list(root_)).empty()) << "no job for what cannot be";
    EXPECT_EQ(pushed([&] {
                  PushRequest wanted = request("ubuntu", "24");
                  wanted.architecture = "";
                  return wanted;
              }())
                  .architecture,
              host_architecture());
}

TEST_F(PushToCatalog, c2_only_allowed_folders_are_read) {
    const Caller ann = known(caller("ann"));
    PushRequest usual = request("a", "1");
    usual.local_path = folder_ / "usual/disk";
    write_at(usual.local_path, "x", 0, 1U << 20);
    const auto ask = [&](const Caller& who, const std::string& path) {
        PushRequest wanted = usual;
        wanted.local_path = path;
        return catalog_->push(who, wanted);
    };
    for (const char* path : {"/etc/passwd", "/proc/self/environ", "/usr/bin/env"})
        EXPECT_TRUE(fails_with(Errc::forbidden, ask(root_, path))) << path;
    write_at(folder_ / "data/corral.db", "x", 0, 100);
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(root_, folder_ / "data/corral.db"))) << "the service's own state";
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(root_, folder_ / "usual/../data/corral.db")));
    fs::create_symlink(folder_ / "data/corral.db", folder_ / "usual/link");
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(root_, folder_ / "usual/link"))) << "links are resolved first";
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(ann, disk("d", 1)))) << "outside of the usual folders";
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(ann, usual.local_path))) << "and neither may the store be anywhere";
    usual.connection = connection("usual/store");
    EXPECT_TRUE(ok(ask(ann, usual.local_path)));
    settings_.local_roots = {folder_ / "disks"};
    restart();
    EXPECT_TRUE(fails_with(Errc::forbidden, ask(root_, usual.local_path))) << "LOCAL_PATH_ROOTS holds for everybody";
}

TEST_F(PushToCatalog, c2_no_store_is_made_among_the_system_s_or_the_service_s_files) {
    for (const std::string& place : {std::string("/etc/corral"), std::string("/usr/share/x"), folder_ / "data/x"}) {
        PushRequest wanted = request("a", "1");
        wanted.connection = "provider=local-storage;catalog_path=" + place;
        EXPECT_TRUE(fails_with(Errc::forbidden, catalog_->push(root_, wanted))) << place;
        EXPECT_FALSE(files::exists(place)) << place;
    }
}

TEST_F(PushToCatalog, a_provider_that_is_not_known_fails_the_job_with_that) {
    PushRequest wanted = request("a", "1");
    wanted.connection = "provider=aws-s3;bucket=b";
    EXPECT_TRUE(fails_with(Errc::unsupported, catalog_->push(root_, wanted)));
    EXPECT_EQ(value_of(jobs_->list(root_)).front().state, "failed");
}

TEST_F(PushToCatalog, its_job_has_the_contract_s_steps_and_result) {
    const jobs::Job job = value_of(catalog_->push_async(root_, request("ubuntu", "24")));
    EXPECT_EQ(job.job_type, "catalog");
    EXPECT_EQ(job.job_operation, "push");
    EXPECT_EQ(job.state, "pending");
    const jobs::Job end = value_of(jobs_->wait(JobId(job.id)));
    EXPECT_EQ(end.result, "Catalog Manifest Pushed");
    EXPECT_EQ(end.result_record_type, "catalog_manifest");
    EXPECT_EQ(end.result_record_name, "ubuntu-x86_64-24");
    EXPECT_TRUE(kept(end.result_record_id));
    std::string steps;
    double weights = 0;
    for (const jobs::Step& step : end.steps) {
        steps += step.name + " ";
        weights += step.weight;
        EXPECT_EQ(step.state, "completed") << step.name;
    }
    EXPECT_EQ(steps,
              "push_validate_stage push_compress_stage push_check_remote_stage push_upload_pack_stage "
              "push_upload_meta_stage push_register_stage cleaning_up ");
    EXPECT_EQ(weights, 100);
}

TEST_F(PushToCatalog, whatever_call_of_the_storage_fails_no_record_shows_half_an_image) {
    const PushRequest wanted = request("ubuntu", "24");
    ASSERT_TRUE(ok(catalog_->own_store()));
    for (int call = 1;; ++call) {
        SCOPED_TRACE(call);
        storage().fail_at(call);
        const auto first = catalog_->push(root_, wanted);
        if (!storage().has_failed()) {
            ASSERT_TRUE(ok(first));
            ASSERT_GT(call, 4);
            break;
        }
        storage().never_fail();
        EXPECT_FALSE(first);
        EXPECT_TRUE(value_of(catalog_->list(root_)).empty());
        const Manifest m = value_of(catalog_->push(root_, wanted));
        EXPECT_TRUE(same_content(pulled("ubuntu"), wanted.local_path));
        ASSERT_TRUE(ok(catalog_->remove(root_, m.id, "", "", true)));
        ASSERT_TRUE(ok(catalog_->tidy()));
        EXPECT_EQ(images_in(), 0U);
    }
    EXPECT_TRUE(fs::is_empty(fs::directory_iterator(settings_.work_folder)->path())) << "uploads end with their jobs";
}

TEST_F(PushToCatalog, a_job_that_was_cut_off_by_a_crash_goes_on) {
    jobs::Job job{.id = std::string(64, 'a'), .owner = "root", .state = "running"};
    job.kind = "catalog.push";
    job.input = json::to_text(request("ubuntu", "24"));
    job.created_at = job.updated_at = clock_.now();
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { jobs::store::insert(tx, job); })));
    restart();
    ASSERT_TRUE(ok(catalog_->recover()));
    jobs_->resume_after_restart();
    EXPECT_EQ(value_of(jobs_->wait(JobId(job.id))).state, "completed");
    EXPECT_EQ(value_of(catalog_->list(root_, "ubuntu")).size(), 1U);
}

TEST_F(PushToCatalog, recovering_drops_the_uploads_of_jobs_that_have_ended_and_keeps_the_others) {
    jobs::Job open{.id = std::string(64, 'a'), .owner = "root", .state = "running"};
    open.kind = "catalog.push";
    jobs::Job ended = open;
    ended.id = std::string(64, 'b');
    ended.state = "failed";
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        jobs::store::insert(tx, open);
        jobs::store::insert(tx, ended);
    })));
    const std::string place = settings_.work_folder + "/place";
    for (const std::string& name :
         {"job-" + open.id, "job-" + ended.id, std::string("job-unknown"), std::string(64, 'c')})
        ASSERT_TRUE(ok(files::make_folders(place + "/" + name)));
    ASSERT_TRUE(ok(catalog_->recover()));
    std::vector<std::string> left;
    for (const auto& item : fs::directory_iterator(place)) left.push_back(item.path().filename());
    EXPECT_EQ(left, std::vector<std::string>{"job-" + open.id});
}

TEST_F(PushToCatalog, many_at_once_all_arrive) {
    std::vector<PushRequest> wanted;
    for (unsigned i = 0; i < 6; ++i) wanted.push_back(request("image-" + std::to_string(i), "1", i % 3));
    {
        std::vector<std::jthread> all;
        for (const PushRequest& one : wanted) all.emplace_back([&] { EXPECT_TRUE(ok(catalog_->push(root_, one))); });
    }
    for (const PushRequest& one : wanted) EXPECT_TRUE(same_content(pulled(one.catalog_id), one.local_path));
    EXPECT_EQ(images_in(), 3U);
}

}  // namespace
}  // namespace corral::catalog
