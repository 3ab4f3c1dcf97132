// The machine document: every member has the name and the JSON type that released clients decode strictly (clients.md
// 11).
#include "machines/document.hpp"

#include <boost/json/object.hpp>

#include "support/testing.hpp"

namespace corral::machines {
namespace {

using testing_support::value_of;

Observed running() {
    Observed m{.id = "8f2c",
               .name = "vm",
               .description = "two\nlines",
               .state = State::running,
               .home = "/m/vm.qemu/",
               .owner = "root",
               .cpus = 4,
               .memory_mib = 2048,
               .disk = "/m/vm.qemu/disk.qcow2",
               .disk_bytes = 10ULL << 30U,
               .mac = "52:54:00:ab:cd:ef",
               .uptime = std::chrono::seconds{75}};
    m.agent_connected = true;
    m.agent_version = "7.2";
    m.addresses = {{"ipv4", "192.0.2.7"}, {"ipv6", "2001:db8::7"}};
    return m;
}

json::Value document(const Observed& m) { return value_of(json::parse(json::to_text(describe(m)))); }

// "Hardware/cpu/cpus": spaces are part of names, so a slash parts them.
const json::Value& at(const json::Value& root, std::string_view path) {
    const json::Value* here = &root;
    while (!path.empty()) {
        const auto end = std::min(path.find('/'), path.size());
        const auto* next = here->is_object() ? here->get_object().if_contains(path.substr(0, end)) : nullptr;
        if (next == nullptr) {
            ADD_FAILURE() << "there is no " << path;
            return root;
        }
        here = next;
        path.remove_prefix(std::min(end + 1, path.size()));
    }
    return *here;
}

TEST(Document, numbers_are_numbers) {
    const auto doc = document(running());
    for (const char* path : {"Hardware/cpu/cpus", "Startup and Shutdown/Autostart delay", "Travel mode/Enter threshold",
                             "Modality/Opacity (percentage)", "Time Synchronization/Interval (in seconds)"})
        EXPECT_TRUE(at(doc, path).is_int64()) << path;
    EXPECT_EQ(at(doc, "Hardware/cpu/cpus").get_int64(), 4);
}

TEST(Document, switches_are_booleans) {
    const auto doc = document(running());
    for (const char* path :
         {"Hardware/cpu/VT-x", "Hardware/cpu/hotplug", "Hardware/memory/hotplug", "Hardware/hdd0/enabled",
          "Hardware/net0/enabled", "Hardware/cdrom0/enabled", "Hardware/usb/enabled", "Hardware/sound0/enabled",
          "Smart Guard/enabled", "Time Synchronization/enabled", "Expiration/enabled", "Shared Profile/enabled",
          "Shared Applications/enabled", "SmartMount/enabled", "Guest Shared Folders/enabled"})
        EXPECT_TRUE(at(doc, path).is_bool()) << path;
}

TEST(Document, texts_are_texts_and_none_is_null) {
    const auto doc = document({});
    for (const char* path : {"ID",
                             "Name",
                             "Description",
                             "Type",
                             "State",
                             "OS",
                             "Template",
                             "Uptime",
                             "Home",
                             "Home path",
                             "user",
                             "Restore Image",
                             "Boot order",
                             "BIOS type",
                             "EFI Secure boot",
                             "Hardware/memory/size",
                             "Hardware/memory/auto",
                             "Hardware/hdd0/size",
                             "Hardware/net0/mac",
                             "Security/Encrypted",
                             "Optimization/Hypervisor type",
                             "GuestTools/state",
                             "Network/Conditioned",
                             "Network/Inbound/Bandwidth"})
        EXPECT_TRUE(at(doc, path).is_string()) << path;
    EXPECT_NE(at(doc, "OS").get_string(), "") << "clients break on a machine without an OS";
    const std::function<void(const json::Value&, std::string)> no_null = [&](const json::Value& v,
                                                                             const std::string& where) {
        EXPECT_FALSE(v.is_null()) << where;
        if (v.is_object())
            for (const auto& [key, inner] : v.get_object()) no_null(inner, where + "/" + std::string(key));
    };
    no_null(doc, "");
}

TEST(Document, shows_what_the_hypervisor_says) {
    const auto doc = document(running());
    const auto text = [&](const char* path) { return std::string(at(doc, path).get_string()); };
    EXPECT_EQ(text("ID"), "8f2c");
    EXPECT_EQ(text("Name"), "vm");
    EXPECT_EQ(text("Description"), "two\nlines");
    EXPECT_EQ(text("State"), "running");
    EXPECT_EQ(text("Type"), "qemu");
    EXPECT_EQ(text("user"), "root");
    EXPECT_EQ(text("Uptime"), "75");
    EXPECT_EQ(text("Home"), "/m/vm.qemu/");
    EXPECT_EQ(text("Hardware/memory/size"), "2048Mb");
    EXPECT_EQ(text("Hardware/hdd0/size"), "10240Mb");
    EXPECT_EQ(text("Hardware/hdd0/image"), "/m/vm.qemu/disk.qcow2");
    EXPECT_EQ(text("Hardware/net0/mac"), "525400ABCDEF");
    EXPECT_EQ(text("internal_ip_address"), "192.0.2.7");
    EXPECT_EQ(text("GuestTools/state"), "installed");
    EXPECT_EQ(text("GuestTools/version"), "7.2");
    const auto& addresses = at(doc, "Network/ipAddresses").get_array();
    ASSERT_EQ(addresses.size(), 2U);
    EXPECT_EQ(std::string(at(addresses[1], "ip").get_string()), "2001:db8::7");
    EXPECT_EQ(std::string(at(addresses[1], "type").get_string()), "ipv6");
}

TEST(Document, what_is_not_there_is_off_or_empty) {
    const auto doc = document({.id = "x"});
    EXPECT_FALSE(at(doc, "Hardware/hdd0/enabled").get_bool());
    EXPECT_FALSE(at(doc, "Hardware/net0/enabled").get_bool());
    EXPECT_EQ(at(doc, "Hardware/net0/mac").get_string(), "");
    EXPECT_EQ(at(doc, "GuestTools/state").get_string(), "not_installed");
    EXPECT_TRUE(at(doc, "Network/ipAddresses").get_array().empty());
    EXPECT_EQ(doc.get_object().if_contains("internal_ip_address"), nullptr);
    EXPECT_TRUE(at(doc, "Host Shared Folders").is_object());
}

TEST(Document, tells_the_processor_by_the_architecture) {
    const auto cpu = [](const char* architecture) {
        Observed m;
        m.architecture = architecture;
        const auto doc = document(m);
        return std::string(at(doc, "Hardware/cpu/type").get_string()) +
               std::string(at(doc, "Hardware/cpu/mode").get_string());
    };
    EXPECT_EQ(cpu("x86_64"), "x8664");
    EXPECT_EQ(cpu("arm64"), "arm64");
    EXPECT_EQ(cpu("i686"), "x8632");
}

TEST(Document, states_have_the_contract_s_words_both_ways) {
    for (const auto& [word, state] : state_words) {
        EXPECT_EQ(to_text(state), word);
        EXPECT_EQ(state_from_text(word), state);
    }
    EXPECT_EQ(state_from_text("Running"), std::nullopt);
    EXPECT_EQ(state_from_text(""), std::nullopt);
}

}  // namespace
}  // namespace corral::machines
