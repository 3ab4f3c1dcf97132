// How the disk of a machine becomes the base of a clone.
//
// The image that is frozen keeps its name; the machine goes on in a new file beside it. A stopped machine's new layer
// is complete on disk before its description names it in one step, so a crash leaves it with either and both boot.
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/json/object.hpp>
#include <filesystem>

#include "drivers/hypervisor/host_facts.hpp"
#include "drivers/hypervisor/libvirt/state.hpp"
#include "drivers/hypervisor/power_table.hpp"
#include "platform/process/process.hpp"

namespace corral::drivers {

using machines::Observed;
using machines::Op;

namespace {

namespace fs = std::filesystem;

Result<std::string> run_qemu_img(std::vector<std::string> arguments, const Op& op) {
    process::Command command;
    command.argv = std::move(arguments);
    command.argv.insert(command.argv.begin(), "qemu-img");
    command.cancel = op.cancel;
    command.time_limit =
        std::chrono::duration_cast<std::chrono::milliseconds>(op.deadline - std::chrono::steady_clock::now());
    process::Outcome done = TRY(process::run(command));
    if (done.exit_code != 0) return Error{Errc::upstream, "The disk image could not be prepared", std::move(done.err)};
    return std::move(done.out);
}

struct Image {
    std::string format;
    std::string backing;
    std::string backing_format;
};

// -U: the image may be in use by its own machine; only its header is read.
Result<Image> read_image(const std::string& path, const Op& op) {
    const json::Value info = TRY(json::parse(TRY(run_qemu_img({"info", "-U", "--output=json", path}, op))));
    const auto text = [&](std::string_view member) -> std::string {
        const json::Value* found = info.is_object() ? info.get_object().if_contains(member) : nullptr;
        return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
    };
    return Image{text("format"), text("full-backing-filename"), text("backing-filename-format")};
}

// Nothing was written since the layer was made: its base can serve again, so that many clones of one machine do not
// grow a tower.
Result<bool> is_untouched(const std::string& path, const Op& op) {
    constexpr std::uint64_t fresh_layer = 256U << 10U;  // qemu-img makes empty layers of 193 KiB
    if (TRY(files::size_of(path)) > fresh_layer) return false;
    const json::Value check = TRY(json::parse(TRY(run_qemu_img({"check", "--output=json", path}, op))));
    const json::Value* used = check.is_object() ? check.get_object().if_contains("allocated-clusters") : nullptr;
    return used == nullptr || (used->is_int64() && used->get_int64() == 0);
}

std::string free_name(const std::string& home) {
    for (int number = 1;; ++number) {
        std::string path = fmt::format("{}disk-{}.qcow2", home, number);
        if (!files::exists(path)) return path;
    }
}

Result<void> make_durable(const std::string& path) {
    const files::Descriptor file = TRY(files::open_read(path));
    TRY(files::sync_data(file.get()));
    return files::sync_folder(fs::path(path).parent_path().string());
}

Result<void> make_layer(const std::string& layer, const std::string& base, const std::string& format, const Op& op) {
    TRY(run_qemu_img({"create", "-q", "-f", "qcow2", "-b", base, "-F", format, layer}, op));
    return make_durable(layer);
}

// Internal snapshots live in the image itself and would be out of reach below a new layer: such a machine is copied.
Result<std::string> copy_layer(const std::string& disk, const std::string& home, const Op& op) {
    const Image image = TRY(read_image(disk, op));
    const std::string copy = free_name(home);
    std::vector<std::string> arguments{"convert", "-O", "qcow2"};
    if (!image.backing.empty())
        arguments.insert(arguments.end(),
                         {"-B", image.backing, "-F", image.backing_format.empty() ? "qcow2" : image.backing_format});
    arguments.insert(arguments.end(), {disk, copy});
    auto copied = run_qemu_img(arguments, op);
    std::error_code ignored;
    if (!copied) {
        fs::remove(copy, ignored);
        return std::move(copied).error();
    }
    TRY(make_durable(copy));
    return copy;
}

Result<void> freeze_running(virDomainPtr domain, const libvirt::Entry& entry, const std::string& layer) {
    const std::string xml = libvirt::disk_layer_xml(entry.definition, layer);
    const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY | VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA |
                           VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC;
    // With the agent the guest's file systems are clean in the base; without, as after a loss of power.
    if (entry.agent_connected) {
        const libvirt::SnapshotHandle done{
            virDomainSnapshotCreateXML(domain, xml.c_str(), flags | VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE)};
        if (done) return {};
    }
    std::error_code ignored;
    fs::remove(layer, ignored);
    const libvirt::SnapshotHandle done{virDomainSnapshotCreateXML(domain, xml.c_str(), flags)};
    if (done) return {};
    Error failure = libvirt::last_error("The running machine's disk could not be frozen");
    fs::remove(layer, ignored);
    return failure;
}

}  // namespace

Result<std::string> LibvirtDriver::State::freeze(virDomainPtr domain, const Observed& seen, const Op& op) {
    const libvirt::Entry entry = TRY(known(domain));
    const libvirt::Definition& machine = entry.definition;
    if (machine.disk.empty()) return Error{Errc::conflict, "The machine has no disk to clone"};
    const bool stopped = seen.state == machines::State::stopped;
    const bool has_snapshots = virDomainSnapshotNum(domain, 0) > 0;
    if (has_snapshots) {
        if (!stopped) return Error{Errc::conflict, "A machine with snapshots can be cloned while it is stopped"};
        return copy_layer(machine.disk, machine.home, op);
    }
    if (stopped && machine.disk_format == "qcow2") {
        const Image image = TRY(read_image(machine.disk, op));
        const bool base_is_ours = fs::path(image.backing).parent_path() == fs::path(machine.home).parent_path();
        if (!image.backing.empty() && base_is_ours && TRY(is_untouched(machine.disk, op))) return image.backing;
    }
    const std::string layer = free_name(machine.home);
    if (stopped) {
        TRY(make_layer(layer, machine.disk, machine.disk_format, op));
        TRY(redefine(domain, {.disk = layer}));
    } else {
        TRY(freeze_running(domain, entry, layer));
    }
    inventory.outdate(machine.id);
    changes.put(machine.id, machines::Change::updated);
    return machine.disk;
}

}  // namespace corral::drivers
