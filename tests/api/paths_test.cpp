// Paths of the server that callers may name, attacked: links, dots, system folders, the service's own state.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include <filesystem>

#include "door.hpp"
#include "images.hpp"
#include "platform/files/files.hpp"

namespace corral::tests {
namespace {

namespace fs = std::filesystem;

class Paths : public testing::Test {
protected:
    Door door;
    Server server{{.accounts = {{.name = "ann",
                                 .claims = {"PUSH_CATALOG_MANIFEST", "CREATE_VM", "UPDATE_VM", "UPDATE_VM_STATES"},
                                 .roles = {}}},
                   .hypervisor = door.hypervisor()}};
    TempFolder outside;

    int push_of(const std::string& path, const std::string& as = "root", const std::string& store = "") {
        const std::string where =
            "provider=local-storage;catalog_path=" + (store.empty() ? server / "elsewhere" : store);
        const auto answer = server.post(
            "/v1/catalog/push",
            R"({"catalog_id":"x","version":"1","local_path":")" + path + R"(","connection":")" + where + "\"}",
            {.as = as});
        return answer.status;
    }
};

TEST_F(Paths, the_service_s_own_state_is_refused_to_everybody) {
    ASSERT_TRUE(files::exists(server / "secret.key"));
    for (const char* own :
         {"secret.key", "corral.db", "corral.db-wal", "work", "work/../secret.key", "machines/../secret.key"})
        EXPECT_EQ(push_of(server / own), 403) << own;
    // And what holds it: a folder is pushed as a whole.
    EXPECT_EQ(push_of(server.folder()), 403);
    EXPECT_EQ(push_of(server.folder() + "/machines/.."), 403);
    EXPECT_EQ(push_of("/"), 403);
    fs::create_symlink(server / "secret.key", outside / "innocent");
    EXPECT_EQ(push_of(outside / "innocent"), 403);
    fs::create_directory_symlink(server.folder(), outside / "folder");
    EXPECT_EQ(push_of(outside / "folder/secret.key"), 403);
    EXPECT_EQ(push_of(outside / "folder/work"), 403);
    EXPECT_EQ(server.get("/v1/catalog").body, "[]\n");
}

TEST_F(Paths, system_folders_are_refused_to_everybody) {
    fs::create_symlink("/etc/passwd", outside / "innocent");
    fs::create_directory_symlink("/proc/self", outside / "self");
    for (const std::string& path :
         {std::string("/etc/passwd"), std::string("/proc/self/environ"), std::string("/dev/null"),
          std::string("/sys/kernel"), std::string("/usr/bin/env"), std::string("/run"), std::string("/boot"),
          std::string("//etc//passwd"), std::string("/tmp/../etc/passwd"), outside / "innocent",
          outside / "self/environ", outside / "../../../../etc/passwd"})
        EXPECT_EQ(push_of(path), 403) << path;
    write_disk(outside / "disk", 1);
    EXPECT_EQ(push_of(outside / "disk", "root", "/etc"), 403);
    EXPECT_EQ(push_of(outside / "disk", "root", "/usr/local/corral-test"), 403);
    EXPECT_FALSE(files::exists("/usr/local/corral-test"));
}

TEST_F(Paths, paths_that_are_none_are_refused) {
    for (const char* path : {"relative", "./x", "~/x", "", "/tmp/\\u0000/etc/passwd"})
        EXPECT_EQ(push_of(path), 400) << path;
}

// A push reads what it is given as a disk: pipes and devices would hold a thread for ever.
TEST_F(Paths, only_files_and_folders_are_pushed) {
    ASSERT_EQ(::mkfifo((outside / "pipe").c_str(), 0600), 0);
    EXPECT_EQ(push_of(outside / "pipe"), 400);
}

TEST_F(Paths, who_is_no_super_user_names_only_the_usual_folders) {
    write_disk(outside / "disk", 1);
    EXPECT_EQ(push_of(outside / "disk", "ann"), 403);
    EXPECT_EQ(push_of(outside / "disk"), 200);
    write_disk(server / "machines/disk", 1);
    EXPECT_EQ(push_of(server / "machines/disk", "ann", server / "store"), 200);
    EXPECT_EQ(push_of(server / "machines/disk", "ann", outside / "store"), 403);
    EXPECT_EQ(push_of(server / "machines/../secret.key", "ann"), 403);
    // "machines-evil" begins like "machines" and is another folder.
    fs::create_directory(server / "machines-evil");
    write_disk(server / "machines-evil/disk", 1);
    EXPECT_EQ(push_of(server / "machines-evil/disk", "ann", server / "store"), 403);
}

TEST_F(Paths, machines_are_made_and_cloned_only_where_the_caller_may_write) {
    push_image(server, "image");
    const auto create = [&](const std::string& path, const std::string& as) {
        return server
            .post("/v1/machines", R"({"name":"m","catalog_manifest":{"catalog_id":"image","path":")" + path + "\"}}",
                  {.as = as})
            .status;
    };
    EXPECT_EQ(create("/etc", "root"), 403);
    EXPECT_EQ(create(server.folder(), "root"), 403);
    EXPECT_EQ(create(outside.path(), "ann"), 403);
    EXPECT_EQ(create(outside / "absent", "root"), 400);
    EXPECT_EQ(create(outside.path(), "root"), 200);
    EXPECT_TRUE(files::exists(outside / "m.qemu/disk.qcow2"));
    const auto clone = [&](const std::string& path, const std::string& as) {
        return server
            .put("/v1/machines/m/clone", R"({"clone_name":"c","destination_path":")" + path + "\"}", {.as = as})
            .status;
    };
    EXPECT_EQ(clone("/usr/share", "root"), 403);
    EXPECT_EQ(clone(outside.path(), "ann"), 403);
    EXPECT_EQ(clone(server / "work", "root"), 403);
    EXPECT_EQ(clone(outside / "clones", "root"), 200);
    EXPECT_TRUE(files::exists(outside / "clones/c.qemu/disk.qcow2"));
}

TEST_F(Paths, files_that_may_not_be_named_are_not_copied_into_guests) {
    push_image(server, "image");
    make_machine(server, "web");
    ASSERT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    must(files::replace_file(outside / "file", "content"));
    const auto upload = [&](const std::string& path, const std::string& as) {
        return server.post("/v1/machines/web/upload", R"({"path":")" + path + R"(","remote_path":"in"})", {.as = as})
            .status;
    };
    EXPECT_EQ(upload("/etc/passwd", "root"), 403);
    EXPECT_EQ(upload(server / "secret.key", "root"), 403);
    EXPECT_EQ(upload(outside / "file", "ann"), 403);
    EXPECT_EQ(upload(outside / "absent", "root"), 400);
    EXPECT_EQ(upload(outside.path(), "root"), 400) << "a folder is no file";
    EXPECT_EQ(upload(outside / "file", "root"), 200);
}

TEST(PathRoots, folders_that_are_configured_are_the_only_ones) {
    TempFolder outside;
    fs::create_directory(outside / "allowed");
    write_disk(outside / "allowed/disk", 1);
    write_disk(outside / "disk", 1);
    fs::create_symlink(outside / "disk", outside / "allowed/link");
    Server server({.flags = {"--LOCAL_PATH_ROOTS=" + (outside / "allowed")}});
    const auto push = [&](const std::string& path) {
        return server
            .post("/v1/catalog/push", R"({"catalog_id":"x","version":"1","local_path":")" + path +
                                          R"(","connection":"provider=local-storage;catalog_path=)" +
                                          (outside / "allowed/store") + "\"}")
            .status;
    };
    EXPECT_EQ(push(outside / "disk"), 403);
    EXPECT_EQ(push(outside / "allowed/link"), 403);
    EXPECT_EQ(push(outside / "allowed/../disk"), 403);
    EXPECT_EQ(push(outside / "allowed/disk"), 200);
}

}  // namespace
}  // namespace corral::tests
