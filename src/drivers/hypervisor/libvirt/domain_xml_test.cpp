#include "drivers/hypervisor/libvirt/domain_xml.hpp"

#include <pugixml.hpp>

#include "support/testing.hpp"

namespace corral::drivers::libvirt {
namespace {

using machines::Spec;
using machines::State;
using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

constexpr const char* id = "8f2c0000-0000-4000-8000-000000000001";
// What people type, and what would end the element it stands in if it were pasted.
constexpr const char* nasty = "a <b> & \"c\" 'd' ]]> </title><devices/> \xc3\xbc";

Spec spec() {
    return {.id = id,
            .name = "vm",
            .description = "two\nlines",
            .home = "/m/vm.qemu",
            .disk = "/m/vm.qemu/disk.qcow2",
            .cpus = 3,
            .memory_mib = 1536,
            .labels = {{"owner", "ann"}}};
}
Platform platform(bool kvm = false) { return {.kvm = kvm, .emulator = "/usr/bin/qemu", .sockets = "/run/s"}; }

// The document as libvirt will parse it.
class Xml {
public:
    explicit Xml(const std::string& text) { EXPECT_TRUE(document_.load_string(text.c_str())) << text; }
    std::string operator[](const char* path) const { return document_.select_node(path).node().text().as_string(); }
    std::string attribute(const char* path) const { return document_.select_node(path).attribute().as_string(); }
    std::size_t count(const char* path) const { return document_.select_nodes(path).size(); }

private:
    pugi::xml_document document_;
};

TEST(DomainXml, describes_the_machine_for_libvirt) {
    const Xml xml(domain_xml(spec(), platform()));
    EXPECT_EQ(xml["/domain/name"], id) << "libvirt's own name cannot change while it runs";
    EXPECT_EQ(xml["/domain/uuid"], id);
    EXPECT_EQ(xml["/domain/title"], "vm");
    EXPECT_EQ(xml["/domain/description"], "two\nlines");
    EXPECT_EQ(xml["/domain/vcpu"], "3");
    EXPECT_EQ(xml["/domain/memory"], "1536");
    EXPECT_EQ(xml.attribute("/domain/memory/@unit"), "MiB");
    EXPECT_EQ(xml["/domain/devices/emulator"], "/usr/bin/qemu");
    EXPECT_EQ(xml.attribute("/domain/devices/disk/source/@file"), "/m/vm.qemu/disk.qcow2");
    EXPECT_EQ(xml.attribute("/domain/devices/disk/driver/@type"), "qcow2");
    EXPECT_EQ(xml.attribute("/domain/devices/channel/source/@path"), agent_socket("/run/s", id));
    EXPECT_EQ(xml.attribute("/domain/devices/channel/target/@name"), "org.qemu.guest_agent.0");
    EXPECT_EQ(xml.attribute("/domain/devices/graphics/listen/@socket"), vnc_socket("/run/s", id));
    EXPECT_EQ(xml.attribute("/domain/devices/serial/source/@path"), console_socket("/run/s", id));
    EXPECT_EQ(xml.count("//listen[@type='address']"), 0U) << "nothing listens on the network";
}

TEST(DomainXml, uses_hardware_virtualisation_where_it_works_and_small_translation_caches_elsewhere) {
    const Xml kvm(domain_xml(spec(), platform(true)));
    EXPECT_EQ(kvm.attribute("/domain/@type"), "kvm");
    EXPECT_EQ(kvm.attribute("/domain/cpu/@mode"), "host-passthrough");
    EXPECT_EQ(kvm.count("//tcg"), 0U);
    const Xml tcg(domain_xml(spec(), platform(false)));
    EXPECT_EQ(tcg.attribute("/domain/@type"), "qemu");
    EXPECT_EQ(tcg["/domain/features/tcg/tb-cache"], "32");
    EXPECT_EQ(tcg.count("/domain/cpu"), 0U);
}

TEST(DomainXml, m35_no_text_of_a_user_can_become_markup) {
    Spec hostile = spec();
    hostile.name = hostile.description = hostile.home = hostile.disk = nasty;
    hostile.labels = {{nasty, nasty}};
    const std::string text = domain_xml(hostile, platform());
    const Xml xml(text);
    EXPECT_EQ(xml.count("/domain/devices"), 1U);
    EXPECT_EQ(xml["/domain/title"], nasty);
    EXPECT_EQ(xml["/domain/description"], nasty);
    EXPECT_EQ(xml.attribute("/domain/devices/disk/source/@file"), nasty);
    const auto back = value_of(read_domain_xml(text));
    EXPECT_EQ(back.name, nasty);
    EXPECT_EQ(back.disk, nasty);
    EXPECT_EQ(back.home, std::string(nasty) + "/");
}

TEST(DomainXml, what_was_written_is_read_back) {
    const auto back = value_of(read_domain_xml(domain_xml(spec(), platform())));
    EXPECT_EQ(back.id, id);
    EXPECT_EQ(back.name, "vm");
    EXPECT_EQ(back.description, "two\nlines");
    EXPECT_EQ(back.home, "/m/vm.qemu/");
    EXPECT_EQ(back.architecture, "x86_64");
    EXPECT_EQ(back.disk, "/m/vm.qemu/disk.qcow2");
    EXPECT_EQ(back.disk_format, "qcow2");
    EXPECT_EQ(back.disk_target, "vda");
    EXPECT_TRUE(back.other_targets.empty());
    EXPECT_EQ(back.cpus, 3);
    EXPECT_EQ(back.memory_mib, 1536);
    EXPECT_EQ(back.mac.size(), 17U);
    EXPECT_FALSE(back.agent_connected);
}

// As virsh define writes it: no title, no home of ours, other disks first.
constexpr const char* foreign = R"(<domain type='kvm'>
  <name>by-hand</name><uuid>11111111-2222-3333-4444-555555555555</uuid>
  <memory unit='KiB'>1048576</memory><currentMemory unit='KiB'>524288</currentMemory>
  <vcpu placement='static' current='1'>2</vcpu>
  <os><type arch='aarch64' machine='virt'>hvm</type></os>
  <devices>
    <disk type='file' device='cdrom'><source file='/iso/install.iso'/><target dev='sda'/></disk>
    <disk type='file'><driver name='qemu' type='raw'/><source file='/srv/vm/disk.img'/>
      <backingStore type='file'><source file='/srv/base'/></backingStore><target dev='vdb'/></disk>
    <disk type='block' device='disk'><target dev='vdc'/></disk>
    <interface type='network'><mac address='52:54:00:00:00:01'/></interface>
    <channel type='unix'><target type='virtio' name='com.redhat.spice.0' state='connected'/></channel>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
  </devices></domain>)";

TEST(DomainXml, machines_that_others_made_are_understood) {
    const auto m = value_of(read_domain_xml(foreign));
    EXPECT_EQ(m.id, "11111111-2222-3333-4444-555555555555");
    EXPECT_EQ(m.name, "by-hand");
    EXPECT_EQ(m.architecture, "arm64");
    EXPECT_EQ(m.memory_mib, 1024);
    EXPECT_EQ(m.cpus, 2);
    EXPECT_EQ(m.disk, "/srv/vm/disk.img") << "not the CD";
    EXPECT_EQ(m.disk_format, "raw");
    EXPECT_EQ(m.disk_target, "vdb");
    EXPECT_EQ(m.other_targets, (std::vector<std::string>{"sda", "vdc"}));
    EXPECT_EQ(m.home, "/srv/vm/") << "the folder of its disk stands in";
    EXPECT_EQ(m.mac, "52:54:00:00:00:01");
    EXPECT_TRUE(m.agent_connected);
}

TEST(DomainXml, memory_is_understood_in_every_unit) {
    for (const auto& [element, mib] :
         {std::pair{"<memory>2048</memory>", 2}, std::pair{"<memory unit='KiB'>2048</memory>", 2},
          std::pair{"<memory unit='MiB'>7</memory>", 7}, std::pair{"<memory unit='M'>7</memory>", 7},
          std::pair{"<memory unit='GiB'>3</memory>", 3072}, std::pair{"<memory unit='G'>3</memory>", 3072},
          std::pair{"<memory unit='b'>3145728</memory>", 3}, std::pair{"<memory unit='bytes'>3145728</memory>", 3}})
        EXPECT_EQ(value_of(read_domain_xml(std::string("<domain>") + element + "</domain>")).memory_mib, mib)
            << element;
}

TEST(DomainXml, a_machine_without_this_or_that_is_no_crash) {
    const auto bare = value_of(read_domain_xml("<domain/>"));
    EXPECT_EQ(bare.disk, "");
    EXPECT_EQ(bare.home, "");
    EXPECT_EQ(bare.cpus, 0);
    EXPECT_TRUE(ok(read_domain_xml("<other/>")));
    for (const char* text : {"", "no XML", "<domain>", "<domain></other>", "<domain><name>x</domain>"})
        EXPECT_TRUE(fails_with(Errc::upstream, read_domain_xml(text))) << text;
}

// ---- edits

TEST(DomainEdit, changes_what_was_asked_and_keeps_all_else) {
    const auto edited =
        value_of(edit_domain_xml(foreign, {.name = nasty, .description = "d", .cpus = 5, .memory_mib = 300}));
    const auto m = value_of(read_domain_xml(edited));
    EXPECT_EQ(m.name, nasty);
    EXPECT_EQ(m.description, "d");
    EXPECT_EQ(m.cpus, 5);
    EXPECT_EQ(m.memory_mib, 300);
    const Xml xml(edited);
    EXPECT_EQ(xml["/domain/name"], "by-hand") << "libvirt's own name stays";
    EXPECT_EQ(xml["/domain/currentMemory"], "300");
    EXPECT_EQ(xml.attribute("/domain/currentMemory/@unit"), "MiB");
    EXPECT_EQ(xml.attribute("/domain/vcpu/@current"), "") << "all of them are used";
    EXPECT_EQ(xml.attribute("/domain/vcpu/@placement"), "static");
    EXPECT_EQ(m.disk, "/srv/vm/disk.img");
    EXPECT_EQ(m.other_targets.size(), 2U);
    EXPECT_EQ(xml.count("/domain/devices/channel"), 2U);
}

TEST(DomainEdit, changes_a_second_time_as_the_first) {
    auto xml = value_of(edit_domain_xml(foreign, {.name = "one", .description = "d"}));
    xml = value_of(edit_domain_xml(xml, {.name = "two", .description = ""}));
    EXPECT_EQ(Xml(xml).count("/domain/title"), 1U);
    EXPECT_EQ(value_of(read_domain_xml(xml)).name, "two");
    EXPECT_EQ(Xml(xml).count("/domain/description"), 0U) << "an empty text is none";
    EXPECT_EQ(value_of(read_domain_xml(value_of(edit_domain_xml(xml, {})))).name, "two");
}

TEST(DomainEdit, puts_the_first_disk_on_another_file_without_the_old_one_s_chain) {
    const auto xml = value_of(edit_domain_xml(foreign, {.disk = "/srv/vm/disk-1.qcow2"}));
    const auto m = value_of(read_domain_xml(xml));
    EXPECT_EQ(m.disk, "/srv/vm/disk-1.qcow2");
    EXPECT_EQ(m.disk_format, "qcow2");
    EXPECT_EQ(Xml(xml).count("//backingStore"), 0U);
    EXPECT_EQ(Xml(xml).attribute("/domain/devices/disk[@device='cdrom']/source/@file"), "/iso/install.iso");
    EXPECT_TRUE(fails_with(Errc::upstream, edit_domain_xml("nonsense", {.name = "x"})));
}

// ---- snapshots and layers

TEST(SnapshotXml, keeps_name_and_description_apart) {
    for (const auto& [name, description] :
         {std::pair{"before update", "first\nsecond"}, std::pair{"plain", ""}, std::pair{nasty, nasty}}) {
        const auto back = value_of(read_snapshot_xml(snapshot_xml("s-1", name, description)));
        EXPECT_EQ(back.id, "s-1");
        EXPECT_EQ(back.name, name);
        EXPECT_EQ(back.description, description);
        EXPECT_EQ(back.parent, "");
        EXPECT_EQ(back.state, State::stopped);
    }
}

TEST(SnapshotXml, what_libvirt_adds_is_read) {
    const auto s = value_of(read_snapshot_xml(
        "<domainsnapshot><name>s-2</name><state>running</state><creationTime>1700000000</creationTime>"
        "<parent><name>s-1</name></parent><description>made by hand</description></domainsnapshot>"));
    EXPECT_EQ(s.parent, "s-1");
    EXPECT_EQ(s.state, State::running);
    EXPECT_EQ(to_rfc3339(s.created), "2023-11-14T22:13:20Z");
    EXPECT_EQ(s.name, "s-2") << "others give no name of ours";
    EXPECT_EQ(s.description, "made by hand");
    EXPECT_EQ(value_of(read_snapshot_xml("<domainsnapshot><state>paused</state></domainsnapshot>")).state,
              State::paused);
    EXPECT_EQ(value_of(read_snapshot_xml("<domainsnapshot><state>shutoff</state></domainsnapshot>")).state,
              State::stopped);
    EXPECT_TRUE(fails_with(Errc::upstream, read_snapshot_xml("nonsense")));
}

TEST(LayerXml, freezes_the_first_disk_alone) {
    const Xml xml(disk_layer_xml(value_of(read_domain_xml(foreign)), "/srv/vm/disk-1.qcow2"));
    EXPECT_EQ(xml.attribute("//disk[@name='vdb']/@snapshot"), "external");
    EXPECT_EQ(xml.attribute("//disk[@name='vdb']/source/@file"), "/srv/vm/disk-1.qcow2");
    EXPECT_EQ(xml.attribute("//disk[@name='sda']/@snapshot"), "no");
    EXPECT_EQ(xml.attribute("//disk[@name='vdc']/@snapshot"), "no");
    EXPECT_EQ(xml.count("//disk"), 3U);
}

TEST(Sockets, of_a_machine_are_three_different_short_paths) {
    const std::set<std::string> paths{agent_socket("/run/s", id), vnc_socket("/run/s", id),
                                      console_socket("/run/s", id)};
    EXPECT_EQ(paths.size(), 3U);
    for (const auto& path : paths) EXPECT_EQ(path.size(), std::string("/run/s/").size() + 36 + 2);
}

}  // namespace
}  // namespace corral::drivers::libvirt
