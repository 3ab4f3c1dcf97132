// Machines by the API: made, found, switched, commanded, cloned and removed, with errors that say what is wrong.
#include <gtest/gtest.h>

#include <filesystem>

#include "door.hpp"
#include "images.hpp"
#include "platform/files/files.hpp"

namespace corral::tests {
namespace {

class Machines : public testing::Test {
protected:
    Machines() { push_image(server, "image"); }
    std::string state(const std::string& machine = "web") {
        return server.get("/v1/machines/" + machine + "/status").at("/status");
    }
    Answer verb(const std::string& name, const std::string& method = "PUT") {
        return server.call(method, "/v1/machines/web/" + name, "");
    }
    Answer execute(const std::string& body, const std::string& query = "") {
        return server.put("/v1/machines/web/execute" + query, body);
    }

    Door door;
    Server server{{.accounts = {{.name = "ann", .claims = {"LIST_VM"}, .roles = {}}}, .hypervisor = door.hypervisor()}};
};

TEST_F(Machines, one_is_made_while_the_caller_waits) {
    const auto made = server.post("/v1/machines", create_body("web", "image", R"(,"start_on_create":true)"));
    ASSERT_EQ(made.status, 200) << made.body;
    EXPECT_EQ(made.at("/name"), "web");
    EXPECT_EQ(made.at("/current_state"), "running");
    const auto machine = server.get("/v1/machines/" + made.at("/id"));
    EXPECT_EQ(machine.at("/ID"), made.at("/id"));
    EXPECT_EQ(machine.at("/Type"), "qemu");
    EXPECT_EQ(machine.at("/Hardware/cpu/cpus"), "2");
    EXPECT_EQ(machine.at("/Hardware/memory/size"), "2048Mb");
    EXPECT_EQ(machine.at("/Home"), server / "machines/web.qemu/");
    EXPECT_TRUE(files::exists(server / "machines/web.qemu/disk.qcow2"));
}

TEST_F(Machines, one_is_made_as_a_job_that_can_be_followed) {
    const auto job = server.post("/v1/machines/async", create_body("web"));
    ASSERT_EQ(job.status, 202) << job.body;
    EXPECT_EQ(job.at("/state"), "pending");
    EXPECT_EQ(job.at("/job_type"), "machines");
    EXPECT_EQ(job.at("/job_operation"), "create");
    const auto done = finished_job(server, job.at("/id"));
    EXPECT_EQ(done.at("/state"), "completed") << done.body;
    EXPECT_EQ(done.at("/result_record_name"), "web");
    EXPECT_EQ(done.at("/result_record_type"), "virtual_machine");
    EXPECT_EQ(server.get("/v1/machines/web").at("/ID"), done.at("/result_record_id"));
}

TEST_F(Machines, sizes_are_those_that_were_asked_for) {
    const auto made =
        server.post("/v1/machines",
                    R"({"name":"big","catalog_manifest":{"catalog_id":"image","specs":{"cpu":"4","memory":"8192"}}})");
    ASSERT_EQ(made.status, 200) << made.body;
    EXPECT_EQ(server.get("/v1/machines/big").at("/Hardware/cpu/cpus"), "4");
    EXPECT_EQ(server.get("/v1/machines/big").at("/Hardware/memory/size"), "8192Mb");
}

TEST_F(Machines, they_are_found_by_id_and_name_and_listed_in_one_order) {
    std::vector<std::string> ids;
    for (const char* name : {"web 1", "caf\xc3\xa9", "alpha"}) ids.push_back(make_machine(server, name));
    const auto list = server.get("/v1/machines");
    ASSERT_EQ(list.size(), 3);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(list.at("/" + std::to_string(i) + "/ID"), ids[static_cast<std::size_t>(i)]);
    EXPECT_EQ(server.get("/machines/").body, list.body);
    EXPECT_EQ(server.get("/v1/machines/web%201").at("/ID"), ids[0]);
    EXPECT_EQ(server.get("/v1/machines/WEB%201/status").at("/id"), ids[0]);
    EXPECT_EQ(server.get("/v1/machines/caf%C3%A9").at("/ID"), ids[1]);
    EXPECT_EQ(server.get("/v1/machines/" + ids[2]).at("/Name"), "alpha");
    const auto filtered = server.get("/v1/machines", {.headers = {{"X-Filter", "Name=^WEB,i"}}});
    EXPECT_EQ(filtered.size(), 1);
    EXPECT_EQ(server.get("/v1/machines", {.headers = {{"X-Filter", "name=("}}}).status, 400);
    EXPECT_EQ(server.get("/v1/machines", {.headers = {{"X-Filter", "State=running"}}}).body, "[]\n");
    for (const char* path : {"/v1/machines/none", "/v1/machines/none/status"}) {
        const auto missing = server.get(path);
        EXPECT_EQ(missing.status, 404);
        EXPECT_EQ(missing.at("/code"), "404");
    }
}

TEST_F(Machines, power_verbs_work_by_get_and_by_put) {
    const std::string id = make_machine(server, "web");
    for (const char* method : {"PUT", "GET"}) {
        SCOPED_TRACE(method);
        for (const auto& [name, shown, after] : {std::tuple{"start", "Start", "running"},
                                                 {"pause", "Pause", "paused"},
                                                 {"resume", "Resume", "running"},
                                                 {"suspend", "Suspend", "suspended"},
                                                 {"resume", "Resume", "running"},
                                                 {"restart", "Restart", "running"},
                                                 {"reset", "Reset", "running"},
                                                 {"stop", "Stop", "stopped"}}) {
            const auto answer = verb(name, method);
            ASSERT_EQ(answer.status, 200) << name << ": " << answer.body;
            EXPECT_EQ(answer.at("/operation"), shown);
            EXPECT_EQ(answer.at("/status"), "Success");
            EXPECT_EQ(state(), after) << "read after write";
        }
    }
    EXPECT_EQ(server.get("/v1/machines/" + id).at("/State"), "stopped");
}

TEST_F(Machines, verbs_that_do_not_fit_the_state_are_refused_and_repeated_ones_are_not) {
    make_machine(server, "web");
    for (const char* name : {"pause", "resume", "suspend"}) EXPECT_EQ(verb(name).status, 400) << name;
    for (const char* name : {"stop", "restart", "reset"}) EXPECT_EQ(verb(name).status, 200) << name;
    EXPECT_EQ(state(), "stopped");
    EXPECT_EQ(verb("start").status, 200);
    EXPECT_EQ(verb("start").status, 200);
    EXPECT_EQ(verb("suspend").status, 200);
    EXPECT_EQ(verb("start").status, 400) << "a suspended machine is resumed, not started";
    EXPECT_EQ(verb("stop").status, 400);
    EXPECT_EQ(verb("stop?force=true").status, 200);
    EXPECT_EQ(state(), "stopped");
    EXPECT_EQ(server.put("/v1/machines/none/start", "").status, 404);
}

TEST_F(Machines, bodies_that_released_clients_send_with_verbs_are_tolerated) {
    make_machine(server, "web");
    EXPECT_EQ(server.put("/v1/machines/web/start", R"({"errorPrefix":"x"})").status, 200);
    EXPECT_EQ(server.put("/v1/machines/web/stop", "null").status, 200);
}

TEST_F(Machines, an_address_is_shown_when_there_is_one) {
    make_machine(server, "web");
    EXPECT_EQ(server.get("/v1/machines/web/status").at("/ip_configured"), "-");
    verb("start");
    const std::string address = server.get("/v1/machines/web/status").at("/ip_configured");
    EXPECT_TRUE(address.starts_with("198.18.")) << address;
    EXPECT_EQ(server.get("/v1/machines/web").at("/internal_ip_address"), address);
}

TEST_F(Machines, what_happens_behind_the_server_s_back_is_seen) {
    const std::string id = make_machine(server, "web");
    verb("start");
    door.behind().crash(id);
    EXPECT_TRUE(eventually([&] { return state() == "stopped"; }));
    door.behind().vanish(id);
    EXPECT_TRUE(eventually([&] { return server.get("/v1/machines/web").status == 404; }));
    EXPECT_EQ(verb("start").status, 404);
}

TEST_F(Machines, a_command_gives_its_output_its_errors_and_its_exit_code) {
    make_machine(server, "web");
    EXPECT_EQ(execute(R"({"command":"true"})").status, 400) << "the machine is not running";
    verb("start");
    const auto fine = execute(R"({"command":"echo one; echo two >&2"})");
    ASSERT_EQ(fine.status, 200) << fine.body;
    EXPECT_EQ(fine.at("/stdout"), "one");
    EXPECT_EQ(fine.at("/exit_code"), "0");
    EXPECT_EQ(fine.at("/stderr"), "(absent)") << "released clients take any text there for a failure";
    EXPECT_EQ(execute(R"({"command":"echo one; echo two >&2"})", "?stderr=always").at("/stderr"), "two");
    const auto failed = execute(R"({"command":"echo out; echo err >&2; exit 3"})");
    EXPECT_EQ(failed.status, 200);
    EXPECT_EQ(failed.at("/stdout"), "out");
    EXPECT_EQ(failed.at("/stderr"), "err");
    EXPECT_EQ(failed.at("/exit_code"), "3");
    EXPECT_EQ(execute(R"({"command":"true"})").at("/stdout"), "") << "the member is there although it is empty";
}

TEST_F(Machines, variables_of_a_command_are_values_and_nothing_else) {
    make_machine(server, "web");
    verb("start");
    const auto shown =
        execute(R"({"command":"printf %s \"$TEXT\"","environment_variables":{"TEXT":"a'b\"c $(id); `id`\\n"}})");
    EXPECT_EQ(shown.at("/stdout"), "a'b\"c $(id); `id`\\n") << shown.body;
    for (const char* name : {"A B", "A;id", "", "1A", "A=B"}) {
        const auto refused =
            execute(R"({"command":"true","environment_variables":{")" + std::string(name) + R"(":"x"}})");
        EXPECT_EQ(refused.status, 400) << name;
    }
}

TEST_F(Machines, commands_that_cannot_be_run_are_refused_with_the_field) {
    make_machine(server, "web");
    verb("start");
    EXPECT_EQ(execute("{}").at("/stack/0/path"), "/command");
    EXPECT_EQ(execute(R"({"command":"true","user":"ann"})").at("/stack/0/path"), "/user");
    EXPECT_EQ(execute(R"({"command":"true","use_ssh":true})").status, 501);
    EXPECT_EQ(execute(R"({"command":"true","environment_variables":"x"})").at("/stack/0/path"),
              "/environment_variables");
    EXPECT_EQ(server.put("/v1/machines/none/execute", R"({"command":"true"})").status, 404);
}

TEST_F(Machines, a_command_that_takes_too_long_is_ended) {
    Server quick({.flags = {"--EXECUTE_TIME_LIMIT=200ms"}, .hypervisor = door.hypervisor()});
    push_image(quick, "image");
    make_machine(quick, "slow");
    quick.put("/v1/machines/slow/start", "");
    EXPECT_EQ(quick.put("/v1/machines/slow/execute", R"({"command":"sleep 60"})").status, 504);
}

TEST_F(Machines, a_file_is_copied_into_the_guest) {
    make_machine(server, "web");
    verb("start");
    TempFolder outside;
    must(files::replace_file(outside / "note.txt", "hello"));
    const auto sent = server.post("/v1/machines/web/upload",
                                  R"({"path":")" + (outside / "note.txt") + R"(","remote_path":"in/note"})");
    ASSERT_EQ(sent.status, 200) << sent.body;
    EXPECT_EQ(sent.at("/path"), "in/note");
    EXPECT_EQ(execute(R"({"command":"cat in/note"})").at("/stdout"), "hello");
    // A folder takes it under its own name.
    EXPECT_EQ(
        server.post("/v1/machines/web/upload", R"({"path":")" + (outside / "note.txt") + R"(","remote_path":"in"})")
            .at("/path"),
        "in/note.txt");
}

TEST_F(Machines, a_clone_is_a_machine_of_its_own_and_outlives_its_origin) {
    const std::string origin = make_machine(server, "web");
    const auto cloned = server.put("/v1/machines/web/clone", R"({"clone_name":"twin","destination_path":null})");
    ASSERT_EQ(cloned.status, 200) << cloned.body;
    EXPECT_EQ(cloned.at("/status"), "Success");
    EXPECT_NE(cloned.at("/id"), origin);
    const auto twin = server.get("/v1/machines/twin");
    EXPECT_EQ(twin.at("/ID"), cloned.at("/id"));
    EXPECT_NE(twin.at("/Hardware/net0/mac"), server.get("/v1/machines/web").at("/Hardware/net0/mac"));
    ASSERT_EQ(server.del("/v1/machines/web").status, 202);
    EXPECT_EQ(server.put("/v1/machines/twin/start", "").status, 200);
    EXPECT_EQ(server.del("/v1/machines/twin?force=true").status, 202);
    EXPECT_TRUE(std::filesystem::is_empty(server / "machines")) << "a folder was left";
    EXPECT_EQ(server.put("/v1/machines/none/clone", R"({"clone_name":"x"})").status, 404);
}

TEST_F(Machines, a_removal_takes_the_machine_and_its_files) {
    const std::string id = make_machine(server, "web");
    verb("start");
    EXPECT_EQ(server.del("/v1/machines/web").status, 400) << "it is running";
    EXPECT_EQ(server.del("/v1/machines/web?force=true").status, 202);
    EXPECT_EQ(server.get("/v1/machines/" + id).status, 404);
    EXPECT_EQ(server.del("/v1/machines/" + id).status, 404);
    EXPECT_TRUE(std::filesystem::is_empty(server / "machines"));
    // The name is free again.
    make_machine(server, "web");
}

TEST_F(Machines, a_stopped_machine_can_be_renamed) {
    const std::string id = make_machine(server, "web");
    make_machine(server, "taken");
    const auto rename = [&](const std::string& name) {
        return server.put("/v1/machines/" + id + "/rename", R"({"new_name":")" + name + "\"}");
    };
    const auto renamed = rename("shop");
    ASSERT_EQ(renamed.status, 200) << renamed.body;
    EXPECT_EQ(renamed.at("/Name"), "shop");
    EXPECT_EQ(server.get("/v1/machines/web").status, 404);
    EXPECT_EQ(server.get("/v1/machines/shop").at("/ID"), id);
    EXPECT_EQ(rename("TAKEN").status, 409);
    EXPECT_EQ(rename("").at("/stack/0/path"), "/new_name");
    EXPECT_EQ(rename("../x").status, 400);
    server.put("/v1/machines/shop/start", "");
    EXPECT_EQ(rename("other").status, 400);
}

TEST_F(Machines, requests_that_make_no_machine_say_which_field_is_wrong) {
    const auto field = [&](const std::string& body) {
        const auto answer = server.post("/v1/machines", body);
        EXPECT_EQ(answer.status, 400) << answer.body;
        EXPECT_EQ(answer.at("/code"), "400");
        return answer.at("/stack/0/path");
    };
    const auto with_source = [](const std::string& source) {
        return R"({"name":"x","catalog_manifest":)" + source + "}";
    };
    EXPECT_EQ(field(R"({"catalog_manifest":{"catalog_id":"image"}})"), "/name");
    EXPECT_EQ(field(with_source("{}")), "/catalog_manifest/catalog_id");
    EXPECT_EQ(field(with_source(R"({"catalog_id":"image","specs":{"cpu":"0"}})")), "/catalog_manifest/specs/cpu");
    EXPECT_EQ(field(with_source(R"({"catalog_id":"image","specs":{"memory":"much"}})")),
              "/catalog_manifest/specs/memory");
    EXPECT_EQ(field(R"({"name":"x","architecture":"vax","catalog_manifest":{"catalog_id":"image"}})"), "/architecture");
    for (const char* name : {"../x", "a/b", ".hidden", "-x", " x", "x "})
        EXPECT_EQ(field(create_body(name)), "/name") << name;
    EXPECT_EQ(field(create_body(std::string(101, 'x'))), "/name");
    EXPECT_EQ(server.post("/v1/machines", R"({"name":"x"})").status, 400);
    EXPECT_EQ(server.post("/v1/machines", create_body("x", "none")).status, 404);
    EXPECT_EQ(server.post("/v1/machines/async", R"({"name":""})").status, 400);
    make_machine(server, "web");
    EXPECT_EQ(server.post("/v1/machines", create_body("WEB")).status, 409);
    EXPECT_EQ(server.get("/v1/machines").size(), 1);
}

TEST_F(Machines, a_failure_of_the_hypervisor_leaves_nothing_behind) {
    door.behind().fail_next(Error{Errc::upstream, "The hypervisor is out of order", "detail for the log"});
    const auto failed = server.post("/v1/machines", create_body("web"));
    EXPECT_EQ(failed.status, 502) << failed.body;
    EXPECT_EQ(failed.at("/message"), "The hypervisor is out of order");
    EXPECT_EQ(failed.body.find("detail for the log"), std::string::npos);
    EXPECT_EQ(server.get("/v1/machines").body, "[]\n");
    EXPECT_TRUE(std::filesystem::is_empty(server / "machines"));
    make_machine(server, "web");
    door.behind().fail_next(Error{Errc::upstream, "The hypervisor is out of order"});
    EXPECT_EQ(verb("start").status, 502);
    EXPECT_EQ(state(), "stopped");
    EXPECT_EQ(verb("start").status, 200);
}

TEST(MachinesOfTheFake, commands_are_refused_where_there_is_no_guest) {
    Server server;
    push_image(server, "image");
    make_machine(server, "web");
    ASSERT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    EXPECT_EQ(server.put("/v1/machines/web/execute", R"({"command":"true"})").status, 501);
}

}  // namespace
}  // namespace corral::tests
