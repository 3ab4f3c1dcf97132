// Snapshots by the API: taken, shown, gone back to and removed; whose they are, and what is told of them.
#include <gtest/gtest.h>

#include "door.hpp"
#include "images.hpp"
#include "subscriber.hpp"

namespace corral::tests {
namespace {

class Snapshots : public testing::Test {
protected:
    Snapshots() {
        push_image(server, "image");
        make_machine(server, "web");
    }
    std::string take(const std::string& name, const std::string& machine = "web") {
        const auto taken = server.post(all(machine), R"({"snapshot_name":")" + name + "\"}");
        EXPECT_EQ(taken.status, 202) << taken.body;
        EXPECT_EQ(taken.at("/snapshot_name"), name);
        return taken.at("/snapshot_id");
    }
    static std::string all(const std::string& machine = "web") { return "/v1/machines/" + machine + "/snapshots"; }
    static std::string one(const std::string& id, const std::string& machine = "web") {
        return all(machine) + "/" + id;
    }
    int revert(const std::string& id, const std::string& body = "") {
        return server.post(one(id) + "/revert", body).status;
    }
    std::string state() { return server.get("/v1/machines/web/status").at("/status"); }
    // "name<parent*" for each in the order of the list; * marks the current one.
    std::string line() {
        const auto list = server.get(all());
        EXPECT_EQ(list.status, 202);
        std::string out;
        std::map<std::string, std::string> names;
        for (int i = 0; i < list.size("/snapshots"); ++i) {
            const std::string at = "/snapshots/" + std::to_string(i);
            names[list.at(at + "/id")] = list.at(at + "/name");
            out += (i > 0 ? " " : "") + list.at(at + "/name") + "<" + names[list.at(at + "/parent")];
            if (list.at(at + "/current") == "true") out += "*";
        }
        return out;
    }

    Door door;
    Server server{{.accounts = {{.name = "ann",
                                 .claims = {"CREATE_VM", "LIST_VM", "LIST_OWN_VM_SNAPSHOT", "CREATE_OWN_VM_SNAPSHOT",
                                            "REVERT_OWN_VM_SNAPSHOT", "DELETE_OWN_VM_SNAPSHOT",
                                            "DELETE_ALL_OWN_VM_SNAPSHOTS", "PULL_CATALOG_MANIFEST"},
                                 .roles = {}}},
                   .hypervisor = door.hypervisor()}};
};

TEST_F(Snapshots, M29_a_machine_is_named_as_anybody_may_write_it) {
    const std::string id = server.get("/v1/machines/web").at("/ID");
    const std::string a = take("a", "WEB");
    EXPECT_EQ(server.get(all(id)).at("/snapshots/0/id"), a);
    EXPECT_EQ(server.get(all("Web")).at("/snapshots/0/id"), a);
}

TEST_F(Snapshots, M32_the_list_is_by_date_and_the_tree_has_them_all) {
    const std::string a = take("a");
    take("b");
    ASSERT_EQ(revert(a), 202);
    take("c");
    EXPECT_EQ(line(), "a< b<a c<a*");
    const auto tree = server.get(all() + "?group=true");
    EXPECT_EQ(tree.size("/snapshots"), 1);
    EXPECT_EQ(tree.at("/snapshots/0/children/0/name"), "b");
    EXPECT_EQ(tree.at("/snapshots/0/children/1/name"), "c");
    EXPECT_EQ(tree.at("/snapshots/0/children/1/children"), "(absent)");
}

TEST_F(Snapshots, M27_children_go_along_when_that_is_asked_and_else_move_up) {
    const std::string a = take("a");
    const std::string b = take("b");
    take("c");
    EXPECT_EQ(server.del(one(b)).status, 202);
    EXPECT_EQ(line(), "a< c<a*");
    take("d");
    EXPECT_EQ(server.call("DELETE", one(a), R"({"delete_children":true})").status, 202);
    EXPECT_EQ(server.get(all()).body, "{}\n");
}

TEST_F(Snapshots, M27_a_machine_that_ran_runs_again_or_stays_paused_when_that_is_asked) {
    ASSERT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    const std::string warm = take("warm");
    EXPECT_EQ(server.get(all()).at("/snapshots/0/state"), "poweron");
    ASSERT_EQ(server.put("/v1/machines/web/stop?force=true", "").status, 200);
    ASSERT_EQ(revert(warm), 202);
    EXPECT_EQ(state(), "running");
    ASSERT_EQ(revert(warm, R"({"skip_resume":true})"), 202);
    EXPECT_EQ(state(), "paused");
    take("held");
    EXPECT_EQ(server.get(all()).at("/snapshots/1/state"), "pause");
}

TEST_F(Snapshots, M28_no_body_means_the_defaults_and_a_broken_one_takes_nothing) {
    EXPECT_EQ(server.post(all(), "{").status, 400);
    EXPECT_EQ(server.post(all(), R"({"snapshot_name":"two\nlines"})").status, 400);
    EXPECT_EQ(server.post(all(), R"({"snapshot_name":")" + std::string(256, 'x') + "\"}").status, 400);
    EXPECT_EQ(server.post(all(), R"({"snapshot_description":")" + std::string(4097, 'x') + "\"}").status, 400);
    EXPECT_EQ(line(), "");
    EXPECT_EQ(server.post(all(), "").at("/snapshot_name"), "Snapshot 1");
    take("Snapshot 3");
    EXPECT_EQ(server.post(all(), "{}").at("/snapshot_name"), "Snapshot 4");
}

TEST_F(Snapshots, M50_who_names_what_is_not_there_is_told) {
    const std::string a = take("a");
    EXPECT_EQ(server.get(all("none")).status, 404);
    EXPECT_EQ(server.post(all("none"), "").status, 404);
    EXPECT_EQ(server.del(all("none")).status, 404);
    EXPECT_EQ(server.del(one(a, "none")).status, 404);
    EXPECT_EQ(server.post(one(a, "none") + "/revert", "").status, 404);
    EXPECT_EQ(server.del(one("none")).status, 404);
    EXPECT_EQ(revert("none"), 404);
    EXPECT_EQ(line(), "a<*");
}

TEST_F(Snapshots, are_named_by_id_in_braces_or_not_and_by_a_name_that_only_one_has) {
    const std::string a = take("a");
    EXPECT_EQ(revert("%7B" + a + "%7D"), 202);
    EXPECT_EQ(revert("a"), 202);
    take("a");
    EXPECT_EQ(revert("a"), 400);
    EXPECT_EQ(server.del(all()).status, 202);
    EXPECT_EQ(line(), "");
    EXPECT_EQ(server.del(all()).status, 202) << "there are none any more, as was asked";
}

TEST_F(Snapshots, M26_claims_for_ones_own_machines_open_no_others) {
    const std::string a = take("a");
    const Ask ann{.as = "ann"};
    EXPECT_EQ(server.get(all(), ann).status, 403);
    EXPECT_EQ(server.post(all(), "", ann).status, 403);
    EXPECT_EQ(server.post(one(a) + "/revert", "", ann).status, 403);
    EXPECT_EQ(server.del(one(a), ann).status, 403);
    EXPECT_EQ(server.del(all(), ann).status, 403);
    EXPECT_EQ(line(), "a<*");

    ASSERT_EQ(server.post("/v1/machines", create_body("hers"), ann).status, 200);
    const auto taken = server.post(all("hers"), "", ann);
    ASSERT_EQ(taken.status, 202) << taken.body;
    EXPECT_EQ(server.get(all("hers"), ann).size("/snapshots"), 1);
    EXPECT_EQ(server.post(one(taken.at("/snapshot_id"), "hers") + "/revert", "", ann).status, 202);
    EXPECT_EQ(server.del(one(taken.at("/snapshot_id"), "hers"), ann).status, 202);
    EXPECT_EQ(server.del(all("hers"), ann).status, 202);
}

TEST_F(Snapshots, a_suspended_machine_takes_none) {
    ASSERT_EQ(server.put("/v1/machines/web/start", "").status, 200);
    ASSERT_EQ(server.put("/v1/machines/web/suspend", "").status, 200);
    EXPECT_EQ(server.post(all(), "").status, 400);
    EXPECT_EQ(state(), "suspended");
}

TEST_F(Snapshots, every_change_is_told_and_on_record) {
    Subscriber events(server, "/v1/ws/subscribe?event_types=pdfm");
    const std::string a = take("a");
    const auto taken = events.event_with("/message", "VM_SNAPSHOTS_UPDATED");
    EXPECT_EQ(taken.at("/event_type"), "pdfm");
    EXPECT_EQ(taken.at("/body/vm_id"), server.get("/v1/machines/web").at("/ID"));
    EXPECT_EQ(taken.at("/body/snapshots/0/id"), a);
    ASSERT_EQ(revert(a), 202);
    EXPECT_EQ(events.event_with("/message", "VM_SNAPSHOTS_UPDATED").size("/body/snapshots"), 1);
    EXPECT_EQ(server.del(one(a)).status, 202);
    EXPECT_EQ(events.event_with("/message", "VM_SNAPSHOTS_UPDATED").size("/body/snapshots"), 0);
    for (const char* action : {"machine.snapshot", "machine.snapshot_revert", "machine.snapshot_delete"})
        EXPECT_EQ(server.get(std::string("/v1/audit?action=") + action).size(), 1) << action;
}

}  // namespace
}  // namespace corral::tests
