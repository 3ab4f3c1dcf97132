#include "drivers/hypervisor/libvirt/domain_xml.hpp"

#include <filesystem>
#include <pugixml.hpp>
#include <sstream>

#include "drivers/hypervisor/host_facts.hpp"

namespace corral::drivers::libvirt {

namespace {

using pugi::xml_node;

constexpr const char* agent_channel = "org.qemu.guest_agent.0";
constexpr const char* our_namespace = "urn:corral:machine:1";

std::string to_string(const pugi::xml_document& document) {
    std::ostringstream out;
    document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
    return out.str();
}

void add_text(xml_node parent, const char* name, const std::string& value) {
    parent.append_child(name).text().set(value.c_str());
}

xml_node add(xml_node parent, const char* name,
             std::initializer_list<std::pair<const char*, std::string>> attributes = {}) {
    xml_node node = parent.append_child(name);
    for (const auto& [key, value] : attributes) node.append_attribute(key).set_value(value.c_str());
    return node;
}

void add_identity(xml_node domain, const machines::Spec& spec) {
    // libvirt's own name cannot change while a machine runs and is part of socket paths: the UUID serves, and the name
    // people give is the title.
    add_text(domain, "name", spec.id);
    add_text(domain, "uuid", spec.id);
    add_text(domain, "title", spec.name);
    if (!spec.description.empty()) add_text(domain, "description", spec.description);
    xml_node ours = add(add(domain, "metadata"), "corral:machine", {{"xmlns:corral", our_namespace}});
    add_text(ours, "corral:home", with_slash(spec.home));
    for (const auto& [key, value] : spec.labels) {
        add(ours, "corral:label", {{"key", key}}).text().set(value.c_str());
    }
}

void add_hardware(xml_node domain, const machines::Spec& spec, const Platform& platform) {
    add(domain, "memory", {{"unit", "MiB"}}).text().set(spec.memory_mib);
    domain.append_child("vcpu").text().set(spec.cpus);
    xml_node os = add(domain, "os");
    add(os, "type", {{"arch", "x86_64"}, {"machine", "q35"}}).text().set("hvm");
    add(os, "boot", {{"dev", "hd"}});
    xml_node features = add(domain, "features");
    add(features, "acpi");
    add(features, "apic");
    // Without hardware virtualisation: 32 MiB for translated code instead of a fifth of the host's memory.
    if (!platform.kvm)
        add(add(features, "tcg"), "tb-cache", {{"unit", "MiB"}}).text().set(32);
    else
        add(domain, "cpu", {{"mode", "host-passthrough"}});
    add(domain, "clock", {{"offset", "utc"}});
    add_text(domain, "on_poweroff", "destroy");
    add_text(domain, "on_reboot", "restart");
    add_text(domain, "on_crash", "destroy");
}

void add_devices(xml_node devices, const machines::Spec& spec, const Platform& platform) {
    add_text(devices, "emulator", platform.emulator);
    xml_node disk = add(devices, "disk", {{"type", "file"}, {"device", "disk"}});
    add(disk, "driver", {{"name", "qemu"}, {"type", spec.disk_format}, {"discard", "unmap"}});
    add(disk, "source", {{"file", spec.disk}});
    add(disk, "target", {{"dev", "vda"}, {"bus", "virtio"}});
    add(devices, "controller", {{"type", "usb"}, {"model", "none"}});
    xml_node adapter = add(devices, "interface", {{"type", "user"}});
    add(adapter, "mac", {{"address", mac_from_id(spec.id)}});
    add(adapter, "model", {{"type", "virtio"}});
    xml_node serial = add(devices, "serial", {{"type", "unix"}});
    add(serial, "source", {{"mode", "bind"}, {"path", console_socket(platform.sockets, spec.id)}});
    add(serial, "log", {{"file", with_slash(spec.home) + "console.log"}, {"append", "off"}});
    add(serial, "target", {{"port", "0"}});
    xml_node channel = add(devices, "channel", {{"type", "unix"}});
    add(channel, "source", {{"mode", "bind"}, {"path", agent_socket(platform.sockets, spec.id)}});
    add(channel, "target", {{"type", "virtio"}, {"name", agent_channel}});
    add(add(devices, "graphics", {{"type", "vnc"}}), "listen",
        {{"type", "socket"}, {"socket", vnc_socket(platform.sockets, spec.id)}});
    add(add(devices, "video"), "model", {{"type", "vga"}, {"vram", "16384"}});
    add(devices, "memballoon", {{"model", "virtio"}});
    add(add(devices, "rng", {{"model", "virtio"}}), "backend", {{"model", "random"}}).text().set("/dev/urandom");
}

Result<pugi::xml_document> parse(const std::string& xml) {
    pugi::xml_document document;
    const auto parsed = document.load_buffer(xml.data(), xml.size());
    if (!parsed) return Error{Errc::upstream, "The hypervisor's description cannot be read", parsed.description()};
    return document;
}

void replace_text(xml_node domain, const char* name, const std::string& value) {
    domain.remove_child(name);
    if (!value.empty()) add_text(domain, name, value);
}

xml_node first_disk(xml_node domain) {
    for (const xml_node disk : domain.child("devices").children("disk"))
        if (std::string_view(disk.attribute("device").as_string("disk")) == "disk") return disk;
    return {};
}

// libvirt writes memory in KiB; others may use any unit of its schema.
int to_mib(xml_node memory) {
    const std::string_view unit = memory.attribute("unit").as_string("KiB");
    const auto amount = memory.text().as_ullong();
    if (unit == "MiB" || unit == "M") return static_cast<int>(amount);
    if (unit == "GiB" || unit == "G") return static_cast<int>(amount << 10U);
    if (unit == "b" || unit == "bytes") return static_cast<int>(amount >> 20U);
    return static_cast<int>(amount >> 10U);
}

}  // namespace

std::string agent_socket(const std::string& sockets, const std::string& id) { return sockets + "/" + id + ".a"; }
std::string vnc_socket(const std::string& sockets, const std::string& id) { return sockets + "/" + id + ".v"; }
std::string console_socket(const std::string& sockets, const std::string& id) { return sockets + "/" + id + ".c"; }

std::string domain_xml(const machines::Spec& spec, const Platform& platform) {
    pugi::xml_document document;
    xml_node domain = add(document, "domain", {{"type", platform.kvm ? "kvm" : "qemu"}});
    add_identity(domain, spec);
    add_hardware(domain, spec, platform);
    add_devices(add(domain, "devices"), spec, platform);
    return to_string(document);
}

Result<Definition> read_domain_xml(const std::string& xml) {
    const pugi::xml_document document = TRY(parse(xml));
    const xml_node domain = document.child("domain");
    const xml_node disk = first_disk(domain);
    Definition found;
    found.id = domain.child("uuid").text().as_string();
    found.name = domain.child("title").text().as_string(domain.child("name").text().as_string());
    found.description = domain.child("description").text().as_string();
    found.architecture = domain.child("os").child("type").attribute("arch").as_string();
    if (found.architecture == "aarch64") found.architecture = "arm64";
    found.disk = disk.child("source").attribute("file").as_string();
    found.disk_format = disk.child("driver").attribute("type").as_string("raw");
    found.disk_target = disk.child("target").attribute("dev").as_string();
    for (const xml_node other : domain.child("devices").children("disk"))
        if (other != disk) found.other_targets.emplace_back(other.child("target").attribute("dev").as_string());
    found.mac = domain.child("devices").child("interface").child("mac").attribute("address").as_string();
    found.cpus = domain.child("vcpu").text().as_int();
    found.memory_mib = to_mib(domain.child("memory"));
    for (const xml_node ours : domain.child("metadata").children())
        if (const xml_node home = ours.child("corral:home")) found.home = with_slash(home.text().as_string());
    if (found.home.empty() && !found.disk.empty())
        found.home = with_slash(std::filesystem::path(found.disk).parent_path().string());
    for (const xml_node channel : domain.child("devices").children("channel")) {
        const xml_node target = channel.child("target");
        if (std::string_view(target.attribute("name").as_string()) == agent_channel)
            found.agent_connected = std::string_view(target.attribute("state").as_string()) == "connected";
    }
    return found;
}

Result<std::string> edit_domain_xml(const std::string& xml, const Edits& edits) {
    pugi::xml_document document = TRY(parse(xml));
    const xml_node domain = document.child("domain");
    if (edits.name) replace_text(domain, "title", *edits.name);
    if (edits.description) replace_text(domain, "description", *edits.description);
    if (edits.cpus) {
        xml_node vcpu = domain.child("vcpu");
        vcpu.remove_attribute("current");
        vcpu.text().set(*edits.cpus);
    }
    if (edits.memory_mib) {
        for (const char* name : {"memory", "currentMemory"}) {
            xml_node memory = domain.child(name);
            if (!memory) continue;
            memory.remove_attribute("unit");
            memory.append_attribute("unit").set_value("MiB");
            memory.text().set(*edits.memory_mib);
        }
    }
    if (edits.disk) {
        xml_node disk = first_disk(domain);
        disk.remove_child("backingStore");
        disk.child("driver").attribute("type").set_value("qcow2");
        disk.child("source").attribute("file").set_value(edits.disk->c_str());
    }
    return to_string(document);
}

std::string disk_layer_xml(const Definition& machine, const std::string& layer) {
    pugi::xml_document document;
    xml_node disks = add(add(document, "domainsnapshot"), "disks");
    xml_node disk = add(disks, "disk", {{"name", machine.disk_target}, {"snapshot", "external"}, {"type", "file"}});
    add(disk, "driver", {{"type", "qcow2"}});
    add(disk, "source", {{"file", layer}});
    for (const std::string& other : machine.other_targets) add(disks, "disk", {{"name", other}, {"snapshot", "no"}});
    return to_string(document);
}

std::string snapshot_xml(const std::string& id, const std::string& name, const std::string& description) {
    // As with machines: our id is libvirt's name. Its description is one text, so the name people give is the first
    // line (it has no line breaks) and the rest follows.
    pugi::xml_document document;
    xml_node snapshot = add(document, "domainsnapshot");
    add_text(snapshot, "name", id);
    add_text(snapshot, "description", name + "\n" + description);
    return to_string(document);
}

Result<machines::Snapshot> read_snapshot_xml(const std::string& xml) {
    const pugi::xml_document document = TRY(parse(xml));
    const xml_node snapshot = document.child("domainsnapshot");
    const std::string text = snapshot.child("description").text().as_string();
    const auto line_end = text.find('\n');
    const std::string_view state = snapshot.child("state").text().as_string();
    return machines::Snapshot{
        .id = snapshot.child("name").text().as_string(),
        .name = line_end == std::string::npos ? snapshot.child("name").text().as_string() : text.substr(0, line_end),
        .description = line_end == std::string::npos ? text : text.substr(line_end + 1),
        .parent = snapshot.child("parent").child("name").text().as_string(),
        .created = Time{std::chrono::seconds{snapshot.child("creationTime").text().as_llong()}},
        .state = state == "running"  ? machines::State::running
                 : state == "paused" ? machines::State::paused
                                     : machines::State::stopped};
}

}  // namespace corral::drivers::libvirt
