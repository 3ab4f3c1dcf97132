// Making machines: from a catalog image, as a job that goes on after a crash, and as a clone of another machine.
#include <charconv>

#include "audit/audit.hpp"
#include "base/log.hpp"
#include "catalog/identifiers.hpp"
#include "machines/service.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"
#include "platform/process/process.hpp"

namespace corral::machines {

struct Service::Plan {
    std::string kind;  // of the job: machines.create or catalog.pull
    std::string id, name, folder;
    CatalogSource source;
    bool start = false;
};
constexpr auto json_object(const Service::Plan*) {
    using json::field;
    return json::object("MachinePlan", field("kind", &Service::Plan::kind), field("id", &Service::Plan::id),
                        field("name", &Service::Plan::name), field("folder", &Service::Plan::folder),
                        field("source", &Service::Plan::source), field("start", &Service::Plan::start));
}

namespace {

constexpr int default_cpus = 2;
constexpr int default_memory_mib = 2048;

// "" is `fallback`; "auto" too. Errc::invalid outside of 1 to `most`.
Result<int> amount(const std::string& text, int fallback, int most, const char* path) {
    if (text.empty() || text == "auto") return fallback;
    int out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || out < 1 || out > most)
        return invalid_field(path, "must be a whole number from 1 to " + std::to_string(most));
    return out;
}

Result<Spec> sized(const CatalogSource& source, const catalog::Manifest& manifest) {
    const Specs specs = source.specs.value_or(Specs{});
    const auto least = manifest.minimum_requirements.value_or(catalog::MinimumRequirements{});
    Spec out;
    out.cpus = TRY(amount(specs.cpu, least.cpu > 0 ? static_cast<int>(least.cpu) : default_cpus, 512,
                          "/catalog_manifest/specs/cpu"));
    out.memory_mib = TRY(amount(specs.memory, least.memory > 0 ? static_cast<int>(least.memory) : default_memory_mib,
                                16 << 20, "/catalog_manifest/specs/memory"));
    return out;
}

Result<void> make_overlay(const std::string& base, const std::string& format, const std::string& disk, const Op& op) {
    process::Command command;
    command.argv = {"qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", format, disk};
    command.cancel = op.cancel;
    const auto done = TRY(process::run(command));
    if (done.exit_code != 0) return Error{Errc::upstream, "The machine's disk could not be made", done.err};
    const auto file = TRY(files::open_read(disk));
    return files::sync_data(file.get());
}

std::vector<jobs::StepPlan> pull_steps() {
    return {{"pull_validate_stage", "Validating Requirements", 5, true, false},
            {"pull_check_cache_stage", "Checking Cache", 5, false, false},
            {"downloader", "Downloading Pack File", 20, true, false},
            {"decompressor", "Decompressing Pack File", 20, true, false},
            {"pull_cache_stage", "Copy Manifest from cache", 20, false, false},
            {"pull_register_stage", "Registering Machine", 10, false, false},
            {"pull_rename_stage", "Renaming Machine", 10, false, false},
            {"pull_start_stage", "Starting Machine", 5, false, false},
            {"cleaning_up", "Cleaning up", 5, false, false}};
}

}  // namespace

Service::Service(Driver& driver, db::Database& database, events::Service& events, jobs::Service& jobs,
                 const Clock& clock, ImageSource images, Settings settings)
    : driver_(driver),
      database_(database),
      events_(events),
      jobs_(jobs),
      clock_(clock),
      images_(std::move(images)),
      settings_(std::move(settings)),
      inventory_(driver, database, events, settings_.full_interval),
      gate_(driver.info().concurrent_starts) {
    for (const char* kind : {"machines.create", "catalog.pull"})
        jobs_.add_kind(kind, {.steps = pull_steps(),
                              .resumes = true,
                              .run = [this](const jobs::Job& job, const Caller& who, jobs::Progress& progress) {
                                  return run(job, who, progress);
                              }});
}

Result<void> Service::check_name(const std::string& name) const {
    constexpr std::size_t longest = 100;  // becomes a folder's name and part of libvirt's
    const bool plain = std::ranges::none_of(name, [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '/'; });
    if (name.empty() || name.size() > longest || !plain || name.front() == '.' || name.front() == '-' ||
        name.front() == ' ' || name.back() == ' ')
        return invalid_field("/name", "must have 1 to 100 characters, no '/', and not begin with '.', '-' or a blank");
    if (inventory_.find(name)) return Error{Errc::conflict, "A machine of the name " + name + " exists already"};
    const auto records = TRY(database_.read([](db::Tx& tx) { return store::all(tx); }));
    for (const store::Record& record : records)
        if (record.phase == "creating" && json::equal_without_case(record.name, name))
            return Error{Errc::conflict, "A machine of the name " + name + " is being made"};
    return {};
}

// Checks name and place and writes the row, so that neither can be taken by another.
Result<store::Record> Service::reserve(const Plan& plan, const Caller& who, const std::string& digest,
                                       const std::string& base_machine) {
    std::lock_guard names(names_mutex_);
    TRY(check_name(plan.name));
    const std::string folder = plan.folder.empty() ? settings_.folder : plan.folder;
    std::string home = folder + "/" + plan.name + ".qemu/";
    const auto records = TRY(database_.read([](db::Tx& tx) { return store::all(tx); }));
    const auto taken = [&](const std::string& path) {
        return files::exists(path) || std::ranges::any_of(records, [&](const auto& r) { return r.home == path; });
    };
    for (int number = 1; taken(home); ++number)
        home = folder + "/" + plan.name + "_" + std::to_string(number) + ".qemu/";
    store::Record record{.id = plan.id,
                         .name = plan.name,
                         .owner = who.user_id().text,
                         .home = home,
                         .digest = digest,
                         .created_at = clock_.now()};
    inventory_.hide(record.id);
    auto written = database_.write([&](db::Tx& tx) -> Result<void> {
        store::insert(tx, record);
        if (!base_machine.empty()) store::link(tx, record.id, base_machine);
        if (!digest.empty() && !images_.pin(tx, record.id, digest))
            return Error{Errc::conflict, "The image was removed meanwhile; try again"};
        return {};
    });
    if (!written) {
        inventory_.show(record.id);
        return std::move(written).error();
    }
    return record;
}

// Folder, disk and definition; then the machine is there for everybody.
Result<void> Service::define(const store::Record& record, const Caller& who, Spec spec, const std::string& base,
                             const std::string& format, const Op& op) {
    TRY(files::make_folders(record.home, 0700));
    spec.id = record.id;
    spec.name = record.name;
    spec.home = record.home;
    spec.disk = record.home + "disk.qcow2";
    TRY(make_overlay(base, format, spec.disk, op));
    TRY(files::sync_folder(record.home));
    TRY(files::sync_folder(record.home + ".."));
    TRY(driver_.create(spec, op));
    return inventory_.admit(record.id, [&](db::Tx& tx) {
        store::set_phase(tx, record.id, "present");
        audit::append(tx, clock_.now(), who,
                      {.action = "machine.create",
                       .object_type = "machine",
                       .object_id = record.id,
                       .detail = {{"name", record.name}, {"image", record.digest}}});
    });
}

Result<void> Service::make(const Plan& plan, const Caller& who, jobs::Progress& progress) {
    const Image image = TRY(images_.bring(who, plan.source, progress));
    Spec spec = TRY(sized(plan.source, image.manifest));
    spec.architecture = image.manifest.architecture;
    spec.description = image.manifest.description;
    progress.start_step("pull_register_stage");
    const auto held = locks_.hold(plan.id);
    const store::Record record = TRY(reserve(plan, who, image.digest, ""));
    Op limited = op(settings_.power_limit);
    limited.cancel = progress.cancel();
    if (auto defined = define(record, who, spec, image.disk_path, "raw", limited); !defined) {
        if (auto gone = discard(record.id); !gone)
            log::error("A half made machine could not be removed", {{"machine", record.id}});
        return defined;
    }
    return {};
}

Result<jobs::Finished> Service::run(const jobs::Job& job, const Caller& who, jobs::Progress& progress) {
    const Plan plan = TRY(json::read<Plan>(job.input));
    progress.start_step("pull_validate_stage");
    const auto record = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, plan.id); }));
    if (!record) {  // otherwise a crash came after it was made
        TRY(check_name(plan.name));
        progress.finish_step("pull_validate_stage");
        TRY(make(plan, who, progress));
    }
    progress.finish_step("pull_register_stage");
    progress.skip_step("pull_rename_stage");
    if (plan.start) {
        progress.start_step("pull_start_stage");
        const auto held = locks_.hold(plan.id);
        const auto machine = TRY(inventory_.refresh(plan.id));
        if (!machine) return Error{Errc::not_found, "The machine was removed before it could be started"};
        if (machine->state != State::running) TRY(power_now(*machine, PowerAction::start, progress.cancel()));
        progress.finish_step("pull_start_stage");
    } else {
        progress.skip_step("pull_start_stage");
    }
    progress.finish_step("cleaning_up");
    const bool pulled = plan.kind == "catalog.pull";
    return jobs::Finished{pulled ? "Virtual Machine Pulled and Registered" : "Virtual machine " + plan.id + " created",
                          {plan.id, plan.name, "virtual_machine", pulled ? "" : settings_.host}};
}

Result<jobs::Job> Service::submit(const Caller& who, const Plan& plan) {
    const bool pulled = plan.kind == "catalog.pull";
    return jobs_.submit(who, {.kind = plan.kind,
                              .type = pulled ? "catalog" : "machines",
                              .operation = pulled ? "pull" : "create",
                              .input = json::to_text(plan)});
}

Result<jobs::Job> Service::create_async(const Caller& who, const CreateRequest& request) {
    return submit(who, TRY(plan_of(who, request, "machines.create")));
}

Result<Service::Plan> Service::plan_of(const Caller& who, const CreateRequest& request, const std::string& kind) const {
    const int sources = (request.catalog_manifest ? 1 : 0) + (request.packer_template.text != "null" ? 1 : 0) +
                        (request.vagrant_box.text != "null" ? 1 : 0);
    if (sources == 0) return Error{Errc::invalid, "No template was specified: name a catalog_manifest"};
    if (sources > 1)
        return Error{Errc::invalid, "Only one of packer_template, vagrant_box or catalog_manifest can be specified"};
    if (!request.catalog_manifest)
        return Error{Errc::invalid, "This host makes machines from catalog images; name a catalog_manifest"};
    Plan plan{.kind = kind,
              .id = crypto::random_uuid(),
              .name = request.name,
              .source = *request.catalog_manifest,
              .start = request.start_on_create};
    if (!plan.source.connection.empty() && !plan.source.catalog_manager_id.empty())
        return Error{Errc::invalid, "connection and catalog_manager_id cannot both be provided"};
    if (!request.architecture.empty()) plan.source.architecture = request.architecture;
    if (!plan.source.architecture.empty() && !catalog::architecture_of(plan.source.architecture))
        return invalid_field("/architecture", "must be x86_64 or arm64");
    TRY(sized(plan.source, {}));
    TRY(check_name(plan.name));
    if (!plan.source.path.empty()) {
        plan.folder = TRY(confined(who, plan.source.path));
        if (!files::exists(plan.folder)) return invalid_field("/catalog_manifest/path", "does not exist");
    }
    return plan;
}

Result<CreateResponse> Service::create(const Caller& who, const CreateRequest& request) {
    const jobs::Job job = TRY(create_async(who, request));
    const jobs::Job done = TRY(jobs_.wait(JobId(job.id)));
    const Observed made = TRY(find(Ref<MachineTag>(done.result_record_id)));
    return CreateResponse{.id = made.id,
                          .host = settings_.host,
                          .name = made.name,
                          .owner = made.owner,
                          .current_state = std::string(to_text(made.state))};
}

Result<Service::Plan> Service::plan_of(const Caller& who, const PullRequest& request) const {
    CreateRequest create{.name = request.machine_name, .start_on_create = request.start_after_pull};
    create.catalog_manifest = CatalogSource{.catalog_id = request.catalog_id,
                                            .version = request.version,
                                            .architecture = request.architecture,
                                            .connection = request.connection,
                                            .path = request.path};
    return plan_of(who, create, "catalog.pull");
}

Result<jobs::Job> Service::pull_async(const Caller& who, const PullRequest& request) {
    return submit(who, TRY(plan_of(who, request)));
}

Result<PullResponse> Service::pull(const Caller& who, const PullRequest& request) {
    Plan plan = TRY(plan_of(who, request));
    // Settled before the job, so that the answer shows what was pulled also when a tag moves meanwhile.
    catalog::Manifest record = TRY(images_.find(who, plan.source));
    plan.source.catalog_id = record.id;
    plan.source.version = record.version;
    plan.source.architecture = record.architecture;
    const jobs::Job job = TRY(submit(who, plan));
    const jobs::Job done = TRY(jobs_.wait(JobId(job.id)));
    const Observed made = TRY(find(Ref<MachineTag>(done.result_record_id)));
    return PullResponse{.id = made.id, .machine_id = made.id, .machine_name = made.name, .manifest = std::move(record)};
}

Result<CloneResponse> Service::clone(const Caller& who, const Ref<MachineTag>& reference, const CloneRequest& request) {
    const Observed source = TRY(find(reference));
    Plan plan{.id = crypto::random_uuid(), .name = request.clone_name};
    if (!request.destination_path.empty()) {
        plan.folder = TRY(confined(who, request.destination_path));
        TRY(files::make_folders(plan.folder, 0700));
    }
    const auto parent = TRY(database_.read([&](db::Tx& tx) { return store::find(tx, source.id); }));
    const auto held = locks_.hold(plan.id);
    const store::Record record = TRY(reserve(plan, who, parent ? parent->digest : "", source.id));
    Spec spec;
    const auto done = [&]() -> Result<void> {
        std::string base;
        {
            const auto source_held = locks_.hold(source.id);
            base = TRY(driver_.freeze_disk_for_clone(source.id, op(settings_.power_limit)));
            const auto now = TRY(inventory_.refresh(source.id));
            const Observed& like = now ? *now : source;
            spec = {.description = like.description,
                    .architecture = like.architecture,
                    .cpus = like.cpus,
                    .memory_mib = like.memory_mib};
        }
        const std::string format = base.ends_with(".raw") ? "raw" : "qcow2";
        return define(record, who, spec, base, format, op(settings_.power_limit));
    }();
    if (!done) {
        if (auto gone = discard(record.id); !gone)
            log::error("A half made machine could not be removed", {{"machine", record.id}});
        Error error = done.error();
        if (error.code == Errc::conflict) error.code = Errc::invalid;
        return error;
    }
    return CloneResponse{.id = record.id, .status = "Success"};
}

}  // namespace corral::machines
