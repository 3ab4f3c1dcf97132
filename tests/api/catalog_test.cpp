// Images in the catalog: pushed from afar and from the server's own disk, listed, downloaded, pulled as machines,
// removed.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "app/cli/remote_target.hpp"
#include "catalog/identifiers.hpp"
#include "images.hpp"
#include "platform/files/files.hpp"

namespace corral::tests {
namespace {

namespace fs = std::filesystem;

// The files below a folder of the server.
std::vector<std::string> objects_in(const std::string& folder) {
    std::error_code error;
    std::vector<std::string> out;
    for (const auto& item : fs::recursive_directory_iterator(folder, error))
        if (item.is_regular_file()) out.push_back(fs::relative(item.path(), folder).string());
    std::ranges::sort(out);
    return out;
}
const std::vector<std::string> nothing;

class Catalog : public testing::Test {
protected:
    Server server{
        {.accounts = {{.name = "reader", .claims = {"LIST_CATALOG_MANIFEST", "PULL_CATALOG_MANIFEST"}, .roles = {}},
                      {.name = "member",
                       .claims = {"LIST_CATALOG_MANIFEST", "PULL_CATALOG_MANIFEST", "CREATE_VM", "LAB"},
                       .roles = {"USER"}},
                      {.name = "pusher", .claims = {"PUSH_CATALOG_MANIFEST", "LIST_CATALOG_MANIFEST"}, .roles = {}}}}};
    const std::string architecture = catalog::host_architecture();

    std::string disk(unsigned seed, int chunks = 6) {
        std::string path = server / ("source-" + std::to_string(seed));
        write_disk(path, seed, chunks);
        return path;
    }
    std::string local_store() { return "provider=local-storage;catalog_path=" + (server / "elsewhere"); }
    std::string push_body(const std::string& path, const std::string& id, const std::string& more = "") {
        return R"({"local_path":")" + path + R"(","catalog_id":")" + id + R"(","version":"v1","connection":")" +
               local_store() + "\"" + more + "}";
    }
};

TEST_F(Catalog, a_pushed_image_is_in_the_catalog_with_all_that_was_said_about_it) {
    const auto sent = must(push(
        server, disk(1), {.catalog_id = "Web Server", .version = "V1", .description = "For the web", .tags = {"ci"}}));
    EXPECT_EQ(sent.chunks, 6U);
    EXPECT_EQ(sent.sent_chunks, 6U);
    const auto one = server.get("/v1/catalog/WEB_SERVER/v1/" + architecture);
    ASSERT_EQ(one.status, 200) << one.body;
    EXPECT_EQ(one.at("/catalog_id"), "WEB_SERVER");
    EXPECT_EQ(one.at("/version"), "v1");
    EXPECT_EQ(one.at("/name"), "web_server-" + architecture + "-v1");
    EXPECT_EQ(one.at("/description"), "For the web");
    EXPECT_EQ(one.at("/tags"), R"(["ci","latest"])");
    EXPECT_EQ(one.at("/size"), std::to_string(4 << 20));
    EXPECT_EQ(one.at("/pack_filename"), "web_server-" + architecture + "-v1.pdpack");
    EXPECT_EQ(one.at("/provider/type"), "local-storage");
    EXPECT_NE(one.at("/provider/meta/catalog_path").find("****"), std::string::npos) << "the place is not masked";
    // Other servers find the record in the store by these two.
    const std::string store = server / "store/web_server/web_server-" + architecture + "-v1";
    EXPECT_TRUE(files::exists(store + ".meta"));
    EXPECT_TRUE(files::exists(store + ".pdpack"));
}

TEST_F(Catalog, lists_are_grouped_and_found_by_id_name_and_filter) {
    push_image(server, "one", "1");
    push_image(server, "one", "2", 2);
    push_image(server, "two", "1", 3);
    const auto all = server.get("/v1/catalog");
    EXPECT_EQ(all.size(), 2) << all.body;
    EXPECT_EQ(all.size("/0/TWO"), 1);
    EXPECT_EQ(all.size("/1/ONE"), 2);
    EXPECT_EQ(all.at("/1/ONE/0/version"), "2") << "the latest change comes first";
    EXPECT_EQ(all.at("/1/ONE/0/tags"), R"(["latest"])");
    EXPECT_EQ(all.at("/1/ONE/1/tags"), "(absent)") << "two versions are the latest";
    const std::string id = all.at("/0/TWO/0/id");
    for (const std::string& key : {std::string("two"), std::string("TWO"), "two-" + architecture + "-1", id})
        EXPECT_EQ(server.get("/v1/catalog/" + key).at("/0/id"), id) << key;
    EXPECT_EQ(server.get("/v1/catalog/none").body, "[]\n");
    EXPECT_EQ(server.get("/v1/catalog/two/2").status, 404);
    EXPECT_EQ(server.get("/v1/catalog/two/1/arm").status, architecture == "arm64" ? 200 : 404);
    const auto filtered = server.get("/v1/catalog", {.headers = {{"X-Filter", "version=^2$"}}});
    EXPECT_EQ(filtered.size(), 1);
    EXPECT_EQ(filtered.size("/0/ONE"), 1);
    EXPECT_EQ(server.get("/v1/catalog", {.headers = {{"X-Filter", "version"}}}).status, 400);
}

TEST_F(Catalog, the_second_push_of_an_image_uploads_no_chunk) {
    const auto first = must(push(server, disk(1), {.catalog_id = "image", .version = "1"}));
    const auto objects = objects_in(server / "store/corral");
    const auto second = must(push(server, disk(1), {.catalog_id = "image", .version = "2"}));
    EXPECT_EQ(first.sent_chunks, 6U);
    EXPECT_EQ(second.chunks, 6U);
    EXPECT_EQ(second.sent_chunks, 0U);
    EXPECT_EQ(second.digest, first.digest);
    EXPECT_EQ(objects_in(server / "store/corral"), objects) << "the same image takes room twice";
    EXPECT_EQ(server.get("/v1/catalog/image").size(), 2);
}

TEST_F(Catalog, a_pull_makes_a_machine_whose_disk_is_the_image) {
    const std::string source = disk(1);
    must(push(server, source, {.catalog_id = "image", .version = "1"}));
    const auto pulled =
        server.put("/v1/catalog/pull", R"({"catalog_id":"image","machine_name":"web","start_after_pull":true})");
    ASSERT_EQ(pulled.status, 200) << pulled.body;
    EXPECT_EQ(pulled.at("/machine_name"), "web");
    const auto machine = server.get("/v1/machines/" + pulled.at("/machine_id"));
    EXPECT_EQ(machine.at("/Name"), "web");
    EXPECT_EQ(machine.at("/State"), "running");
    EXPECT_EQ(machine.at("/Hardware/hdd0/size"), "4Mb");
    std::vector<std::string> cached;
    for (const auto& item : fs::directory_iterator(server / "cache"))
        cached.push_back(item.path().string() + "/disk.raw");
    ASSERT_EQ(cached.size(), 1U);
    EXPECT_EQ(must(files::read_file(cached.front())), must(files::read_file(source)));
    EXPECT_EQ(server.get("/v1/catalog/image/1").at("/0/download_count"), "1");
    // The next machine stands on the same cached image.
    EXPECT_EQ(server.put("/v1/catalog/pull", R"({"catalog_id":"image","machine_name":"web2"})").status, 200);
    EXPECT_EQ(objects_in(server / "cache").size(), 1U);
}

TEST_F(Catalog, half_a_push_is_never_seen_and_goes_on_where_it_was) {
    // A target that goes away after the first frame, as a killed client does.
    auto client = server.client();
    auto target = must(cli::RemoteTarget::begin(client, {.catalog_id = "image", .version = "1"}));
    const auto raw = noise(catalog::chunks::chunk_size, 77);
    const auto id = catalog::chunks::id_of(raw);
    EXPECT_EQ(must(target.missing({id})), std::vector<bool>{true});
    must(target.upload(catalog::chunks::encode_frame({{id, raw}}, 3)));
    EXPECT_EQ(must(target.missing({id})), std::vector<bool>{false});
    EXPECT_EQ(server.get("/v1/catalog").body, "[]\n");
    EXPECT_EQ(server.get("/v1/catalog/image/1").status, 404);
    server.restart();
    EXPECT_EQ(server.get("/v1/catalog").body, "[]\n");
    EXPECT_EQ(objects_in(server / "store"), nothing) << "something of a half push stands in the store";
}

TEST_F(Catalog, records_are_shown_to_those_with_a_wanted_role_and_a_wanted_claim) {
    must(push(server, disk(1), {.catalog_id = "open", .version = "1"}));
    must(push(server, disk(2), {.catalog_id = "lab", .version = "1", .required_claims = {"lab", "other"}}));
    must(push(server, disk(3), {.catalog_id = "admins", .version = "1", .required_roles = {"ADMIN"}}));
    must(push(server, disk(4),
              {.catalog_id = "both", .version = "1", .required_roles = {"USER"}, .required_claims = {"LAB"}}));
    const auto seen = [&](const std::string& who, const std::string& id) {
        const int status = server.get("/v1/catalog/" + id + "/1/" + architecture, {.as = who}).status;
        EXPECT_EQ(server.get("/v1/catalog/" + id + "/1", {.as = who}).status, status);
        EXPECT_EQ(server.get("/v1/catalog/" + id + "/1/" + architecture + "/download", {.as = who}).status, status);
        const bool listed = server.get("/v1/catalog/" + id, {.as = who}).size() == 1;
        EXPECT_EQ(listed, status == 200);
        return status;
    };
    for (const auto& [who, id, status] : {std::tuple{"reader", "open", 200},
                                          {"reader", "lab", 404},
                                          {"reader", "admins", 404},
                                          {"reader", "both", 404},
                                          {"member", "lab", 200},
                                          {"member", "admins", 404},
                                          {"member", "both", 200},
                                          {"root", "admins", 200}})
        EXPECT_EQ(seen(who, id), status) << who << " " << id;
    EXPECT_EQ(server.get("/v1/catalog", {.as = "reader"}).size(), 1);
    // What cannot be seen cannot be pulled either.
    const auto pull = [&](const std::string& who, const std::string& id) {
        return server
            .put("/v1/catalog/pull", R"({"catalog_id":")" + id + R"(","machine_name":")" + who + id + "\"}",
                 {.as = who})
            .status;
    };
    EXPECT_EQ(pull("reader", "lab"), 404);
    EXPECT_EQ(pull("member", "lab"), 200);
    EXPECT_EQ(server.post("/v1/machines", create_body("x", "admins"), {.as = "member"}).status, 404);
}

TEST_F(Catalog, a_download_is_counted) {
    push_image(server, "image");
    const std::string path = "/v1/catalog/image/1/" + architecture + "/download";
    EXPECT_EQ(server.get(path).at("/download_count"), "(absent)") << "the count before this download";
    EXPECT_EQ(server.get(path, {.as = "reader"}).at("/download_count"), "1");
    const auto record = server.get("/v1/catalog/image/1");
    EXPECT_EQ(record.at("/0/download_count"), "2");
    EXPECT_EQ(record.at("/0/last_downloaded_user"), "reader");
}

TEST_F(Catalog, a_newer_push_of_a_version_replaces_it_and_keeps_what_was_counted) {
    const std::string id = push_image(server, "image");
    server.get("/v1/catalog/image/1/" + architecture + "/download");
    EXPECT_EQ(push_image(server, "image", "1", 2), id);
    EXPECT_EQ(server.get("/v1/catalog/image").size(), 1);
    EXPECT_EQ(server.get("/v1/catalog/image").at("/0/download_count"), "1");
}

TEST_F(Catalog, who_cannot_see_a_record_cannot_replace_it) {
    must(push(server, disk(1), {.catalog_id = "golden", .version = "1", .required_claims = {"LAB"}}));
    const auto before = server.get("/v1/catalog/golden/1").body;
    const auto taken = push(server, disk(2), {.catalog_id = "golden", .version = "1"}, "pusher");
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::conflict);
    EXPECT_EQ(server.get("/v1/catalog/golden/1").body, before);
    EXPECT_TRUE(push(server, disk(2), {.catalog_id = "golden", .version = "2"}, "pusher"));
}

TEST_F(Catalog, a_removal_takes_the_files_and_the_chunks_nobody_else_needs) {
    push_image(server, "one", "1", 1);
    push_image(server, "two", "1", 1);  // the same image
    push_image(server, "three", "1", 3);
    const auto all = objects_in(server / "store/corral");
    ASSERT_EQ(server.del("/v1/catalog/one/1").status, 202);
    EXPECT_EQ(server.get("/v1/catalog/one").body, "[]\n");
    EXPECT_EQ(objects_in(server / "store/one"), nothing);
    EXPECT_EQ(objects_in(server / "store/corral"), all) << "another record needs those chunks";
    EXPECT_EQ(server.put("/v1/catalog/pull", R"({"catalog_id":"two","machine_name":"web"})").status, 200);
    ASSERT_EQ(server.del("/v1/catalog/two").status, 202);
    EXPECT_LT(objects_in(server / "store/corral").size(), all.size());
    EXPECT_EQ(server.put("/v1/catalog/pull", R"({"catalog_id":"three","machine_name":"web3"})").status, 200);
    ASSERT_EQ(server.del("/v1/catalog/three/1/" + architecture).status, 202);
    EXPECT_EQ(objects_in(server / "store"), nothing);
    EXPECT_EQ(server.del("/v1/catalog/three").status, 404);
    // Machines keep their cached images.
    EXPECT_EQ(server.put("/v1/machines/web/start", "").status, 200);
}

TEST_F(Catalog, a_removal_of_the_record_alone_leaves_the_files) {
    push_image(server, "image");
    const auto before = objects_in(server / "store");
    ASSERT_EQ(server.del("/v1/catalog/image/1?clean_remote=false").status, 202);
    EXPECT_EQ(server.get("/v1/catalog").body, "[]\n");
    EXPECT_EQ(objects_in(server / "store"), before);
}

TEST_F(Catalog, a_disk_of_the_server_is_pushed_by_its_path) {
    const std::string source = disk(1);
    const auto pushed = server.post("/v1/catalog/push", push_body(source, "local"));
    ASSERT_EQ(pushed.status, 200) << pushed.body;
    EXPECT_EQ(pushed.at("/catalog_id"), "LOCAL");
    EXPECT_EQ(pushed.at("/size"), std::to_string(4 << 20));
    EXPECT_TRUE(files::exists(server / "elsewhere/local/local-" + architecture + "-v1.pdpack"));
    const auto job = server.post("/v1/catalog/push/async", push_body(source, "local2", R"(,"tags":["ci"])"));
    ASSERT_EQ(job.status, 202);
    EXPECT_EQ(job.at("/job_type"), "catalog");
    EXPECT_EQ(job.at("/job_operation"), "push");
    const auto done = finished_job(server, job.at("/id"));
    EXPECT_EQ(done.at("/state"), "completed") << done.body;
    EXPECT_EQ(done.at("/result_record_type"), "catalog_manifest");
    EXPECT_EQ(done.at("/steps/0/name"), "push_validate_stage");
    EXPECT_EQ(server.get("/v1/catalog/local2/v1").at("/0/id"), done.at("/result_record_id"));
    EXPECT_EQ(server.put("/v1/catalog/pull", R"({"catalog_id":"local2","version":"ci","machine_name":"web"})").status,
              200);
}

TEST_F(Catalog, requests_that_make_no_sense_are_refused_with_the_field) {
    const auto pushed = [&](const std::string& body) { return server.post("/v1/catalog/push", body); };
    const auto empty = pushed("{}");
    EXPECT_EQ(empty.status, 400);
    EXPECT_EQ(empty.size("/stack"), 4) << empty.body;
    EXPECT_EQ(pushed(push_body(server / "nowhere", "x")).at("/stack/0/path"), "/local_path");
    EXPECT_EQ(pushed(push_body(disk(1), "x", R"(,"version":"a/b")")).at("/stack/0/path"), "/version");
    EXPECT_EQ(pushed(push_body(disk(1), "x", R"(,"architecture":"sparc")")).at("/stack/0/path"), "/architecture");
    EXPECT_GE(pushed(push_body(disk(1), "x", R"(,"connection":"provider=foo")")).status, 400);
    EXPECT_EQ(server.put("/v1/catalog/pull", "{}").size("/stack"), 2);
    EXPECT_EQ(server.put("/v1/catalog/pull", R"({"catalog_id":"none","machine_name":"x"})").status, 404);
    EXPECT_EQ(server.get("/v1/catalog").body, "[]\n");
}

}  // namespace
}  // namespace corral::tests
