#include "system/service.hpp"

#include <sys/utsname.h>

#include <boost/json/object.hpp>

#include "support/machines_test.hpp"

namespace corral::system {
namespace {

using machines::MachinesTest;
using testing_support::fails_with;
using testing_support::refuses_field;
using testing_support::value_of;

class SystemTest : public MachinesTest {
protected:
    void SetUp() override {
        MachinesTest::SetUp();
        about_ = {.version = "1.2.3",
                  .modules = {"api", "host"},
                  .reserved_cpus = 0,
                  .reserved_memory_mib = 0,
                  .reserved_disk_mib = 0,
                  .machines_folder = folder_ / "machines",
                  .cache_folder = folder_ / "usual"};
    }
    Service system() { return Service(about_, driver_.get(), &service_->inventory()); }
    Service without_host() { return Service(about_, nullptr, nullptr); }
    std::string add_sized(const std::string& name, const char* cpus, const char* memory) {
        auto wanted = request(name);
        wanted.catalog_manifest->specs = machines::Specs{.cpu = cpus, .memory = memory};
        return value_of(service_->create(root_, wanted)).id;
    }
    Settings about_;
};

TEST_F(SystemTest, clients_22_hardware_always_carries_all_five_usage_items_with_their_members) {
    for (const Service& service : {system(), without_host()}) {
        const auto doc = value_of(json::parse(json::to_text(value_of(service.hardware()))));
        for (const char* item : {"system_reserved", "total", "total_available", "total_in_use", "total_reserved"}) {
            const auto* usage = doc.get_object().if_contains(item);
            ASSERT_NE(usage, nullptr) << item;
            for (const char* member : {"logical_cpu_count", "memory_size", "disk_count"}) {
                const auto* number = usage->get_object().if_contains(member);
                ASSERT_NE(number, nullptr) << item << "." << member;
                EXPECT_TRUE(number->is_number()) << item << "." << member;
            }
        }
        EXPECT_TRUE(doc.get_object().at("is_reverse_proxy_enabled").is_bool());
        EXPECT_TRUE(doc.get_object().at("is_log_streaming_enabled").is_bool());
    }
}

TEST_F(SystemTest, running_machines_are_in_use_and_the_others_reserved) {
    add_sized("one", "2", "1000");
    add_sized("two", "3", "500");
    add_sized("three", "1", "250");
    power("one", machines::PowerAction::start);
    const Hardware h = value_of(system().hardware());
    EXPECT_EQ(h.total_in_use.logical_cpu_count, 2);
    EXPECT_EQ(h.total_in_use.memory_size, 1000);
    EXPECT_EQ(h.total_in_use.disk_count, 4);
    EXPECT_EQ(h.total_reserved.logical_cpu_count, 4);
    EXPECT_EQ(h.total_reserved.memory_size, 750);
    EXPECT_EQ(h.total_reserved.disk_count, 8);
}

TEST_F(SystemTest, what_is_available_is_all_without_what_is_reserved_for_the_system_and_in_use) {
    about_.reserved_cpus = 1;
    about_.reserved_memory_mib = 100;
    const Hardware before = value_of(system().hardware());
    EXPECT_EQ(before.system_reserved.logical_cpu_count, 1);
    EXPECT_EQ(before.system_reserved.memory_size, 100);
    EXPECT_EQ(before.total_available.logical_cpu_count, before.total.logical_cpu_count - 1);
    EXPECT_DOUBLE_EQ(before.total_available.memory_size, before.total.memory_size - 100);
    EXPECT_LE(before.total_available.disk_count, before.total.disk_count);
    add_sized("one", "1", "50");
    EXPECT_EQ(value_of(system().hardware()).total_available.memory_size, before.total_available.memory_size)
        << "a stopped machine takes nothing";
    power("one", machines::PowerAction::start);
    EXPECT_DOUBLE_EQ(value_of(system().hardware()).total_available.memory_size,
                     before.total_available.memory_size - 50);
    power("one", machines::PowerAction::stop);
    EXPECT_DOUBLE_EQ(value_of(system().hardware()).total_available.memory_size, before.total_available.memory_size);
}

TEST_F(SystemTest, nothing_is_ever_available_below_zero) {
    about_.reserved_cpus = 10'000;
    about_.reserved_memory_mib = 1 << 30;
    about_.reserved_disk_mib = 1LL << 40;
    const Hardware h = value_of(system().hardware());
    EXPECT_EQ(h.total_available.logical_cpu_count, 0);
    EXPECT_EQ(h.total_available.memory_size, 0);
    EXPECT_EQ(h.total_available.disk_count, 0);
}

TEST_F(SystemTest, q58_hardware_describes_this_host) {
    about_.cache = CacheConfig{.enabled = true, .folder = "/cache", .keep_free_disk_space = 5};
    const Hardware h = value_of(system().hardware());
    utsname kernel{};
    ASSERT_EQ(uname(&kernel), 0);
    EXPECT_EQ(h.cpu_type, kernel.machine);
    EXPECT_EQ(h.devops_version, "1.2.3");
    EXPECT_EQ(h.enabled_modules, about_.modules);
    EXPECT_FALSE(h.os_name.empty());
    EXPECT_FALSE(h.os_version.empty());
    EXPECT_GE(h.total.physical_cpu_count, 1);
    EXPECT_EQ(h.total.logical_cpu_count, static_cast<std::int64_t>(std::thread::hardware_concurrency()));
    EXPECT_GT(h.total.memory_size, 100);
    EXPECT_GT(h.total.disk_count, 0);
    EXPECT_EQ(h.cache_config->folder, "/cache");
}

// ---- health

TEST_F(SystemTest, clients_23_health_answers_whatever_modules_are_on) {
    EXPECT_TRUE(without_host().health(false).healthy);
    const Health h = system().health(false);
    EXPECT_TRUE(h.healthy);
    ASSERT_EQ(h.services.size(), 1U);
    EXPECT_EQ(h.services[0].name, "Hypervisor");
    EXPECT_TRUE(h.services[0].message.starts_with("fake"));
}

TEST_F(SystemTest, a_part_that_was_wanted_and_cannot_run_makes_it_unhealthy_and_says_why) {
    about_.failed = {{.name = "reverse_proxy", .healthy = false, .error_message = "HAProxy is not installed"}};
    const Health some = system().health(false);
    EXPECT_FALSE(some.healthy);
    EXPECT_EQ(some.error_message, "degraded");
    EXPECT_EQ(some.message, "");
    EXPECT_EQ(some.services.back().error_message, "HAProxy is not installed");
    EXPECT_EQ(without_host().health(false).error_message, "unhealthy") << "nothing is left";
    EXPECT_EQ(json::to_text(without_host().health(false)),
              R"({"healthy":false,"error_message":"unhealthy","services":[{"name":"reverse_proxy","healthy":false,)"
              R"("error_message":"HAProxy is not installed"}]})");
}

TEST_F(SystemTest, q13_full_health_names_each_tool_by_its_own_name) {
    const Health h = system().health(true);
    ASSERT_EQ(h.services.size(), 4U);
    for (std::size_t i = 1; i < h.services.size(); ++i) {
        const ServiceHealth& tool = h.services[i];
        EXPECT_EQ(tool.healthy, tool.error_message.empty()) << tool.name;
        EXPECT_NE(tool.message.empty(), tool.error_message.empty()) << tool.name;
    }
    EXPECT_EQ(h.services[1].name, "Packer Service");
    EXPECT_NE((h.services[1].message + h.services[1].error_message).find("packer"), std::string::npos);
    EXPECT_NE((h.services[2].message + h.services[2].error_message).find("vagrant"), std::string::npos);
    EXPECT_NE((h.services[3].message + h.services[3].error_message).find("git"), std::string::npos);
}

// ---- disk space and licence

TEST_F(SystemTest, q59_disk_space_is_told_of_the_folders_that_there_are) {
    const DiskSpace host = value_of(system().disk_space({.folder_path = folder_.path()}));
    EXPECT_EQ(host.prl_home_path, about_.machines_folder);
    EXPECT_GT(host.parallels_home_size, 0);
    EXPECT_GT(host.cache_folder_size, 0);
    EXPECT_GT(host.given_path_size, 0);
    const DiskSpace catalog = value_of(without_host().disk_space({}));
    EXPECT_EQ(catalog.prl_home_path, "");
    EXPECT_EQ(catalog.parallels_home_size, 0);
    EXPECT_EQ(catalog.given_path_size, 0);
    EXPECT_TRUE(refuses_field("/folder_path", system().disk_space({.folder_path = folder_ / "none"})));
}

TEST_F(SystemTest, the_licence_is_active_where_machines_run_and_404_elsewhere) {
    const License l = value_of(system().license());
    EXPECT_EQ(l.status, "ACTIVE");
    EXPECT_FALSE(l.uuid.empty());
    EXPECT_EQ(l.uuid, value_of(system().license()).uuid);
    EXPECT_GT(l.cpu_total, 0);
    EXPECT_TRUE(fails_with(Errc::not_found, without_host().license()));
}

}  // namespace
}  // namespace corral::system
