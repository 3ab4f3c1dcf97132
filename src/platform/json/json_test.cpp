#include "platform/json/json.hpp"

#include <gtest/gtest.h>

#include <array>

namespace corral::json {
namespace {

enum class Colour { red, green };
constexpr auto json_enum(Colour) {
    return std::array<std::pair<std::string_view, Colour>, 2>{{{"red", Colour::red}, {"green", Colour::green}}};
}

struct Inner {
    std::int64_t cpus = 0;
    bool vtx = false;
};
constexpr auto json_object(const Inner*) {
    return object("Inner", field("cpus", &Inner::cpus), field("VT-x", &Inner::vtx));
}

struct Outer {
    std::string name, note;
    Inner cpu;
    std::vector<std::string> tags;
    std::map<std::string, int> counts;
    std::optional<double> ratio;
    Secret password;
    Colour colour = Colour::red;
    Time at{};
};
constexpr auto json_object(const Outer*) {
    return object("Outer", required("Name", &Outer::name), omit("note", &Outer::note), field("cpu", &Outer::cpu),
                  field("tags", &Outer::tags), field("counts", &Outer::counts), omit("ratio", &Outer::ratio),
                  omit("password", &Outer::password), field("colour", &Outer::colour), omit("at", &Outer::at));
}

TEST(JsonWrite, keeps_the_declared_order_and_leaves_out_zero_members) {
    Outer o;
    o.name = "a";
    EXPECT_EQ(write(o),
              "{\"Name\":\"a\",\"cpu\":{\"cpus\":0,\"VT-x\":false},\"tags\":[],\"counts\":{},\"colour\":\"red\"}\n");
}

TEST(JsonWrite, escapes_what_the_contract_names) {
    EXPECT_EQ(to_text(std::string("<a>&\u2028\u2029é\"\\\n\x01")), R"("\u003ca\u003e\u0026\u2028\u2029é\"\\\n\u0001")");
}

TEST(JsonWrite, never_shows_a_secret) {
    Outer o;
    o.password = Secret("hunter2");
    EXPECT_EQ(write(o).find("hunter2"), std::string::npos);
}

TEST(JsonWrite, writes_moderate_doubles_without_exponent) {
    EXPECT_EQ(to_text(100.0), "100");
    EXPECT_EQ(to_text(0.25), "0.25");
}

TEST(JsonRead, round_trips) {
    const auto read_back = read<Outer>(R"({"Name":"n","note":"x","cpu":{"cpus":4,"VT-x":true},"tags":["a","b"],)"
                                       R"("counts":{"k":2},"ratio":1.5,"password":"p","colour":"green",)"
                                       R"("at":"2025-01-02T03:04:05.5Z"})");
    ASSERT_TRUE(read_back);
    EXPECT_EQ(read_back->cpu.cpus, 4);
    EXPECT_TRUE(read_back->cpu.vtx);
    EXPECT_EQ(read_back->counts.at("k"), 2);
    EXPECT_EQ(read_back->password.reveal(), "p");
    EXPECT_EQ(read_back->colour, Colour::green);
    EXPECT_EQ(to_rfc3339(read_back->at), "2025-01-02T03:04:05.5Z");
}

TEST(JsonRead, finds_keys_without_case_and_ignores_unknown_ones) {
    const auto r = read<Outer>(R"({"NAME":"n","other":{"deep":[1,{"x":null}]}})");
    ASSERT_TRUE(r);
    EXPECT_EQ(r->name, "n");
}

TEST(JsonRead, takes_null_as_absent_and_the_last_of_repeated_keys) {
    const auto r = read<Outer>(R"({"Name":"a","Name":"b","tags":null,"cpu":null})");
    ASSERT_TRUE(r);
    EXPECT_EQ(r->name, "b");
}

TEST(JsonRead, names_every_bad_member) {
    const auto r = read<Outer>(R"({"cpu":{"cpus":"four"},"tags":"x","colour":"blue"})");
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Errc::invalid);
    std::vector<std::string> paths;
    for (const auto& f : r.error().fields) paths.push_back(f.path);
    EXPECT_EQ(paths, (std::vector<std::string>{"/Name", "/cpu/cpus", "/tags", "/colour"}));
}

TEST(JsonRead, refuses_what_is_not_json) {
    for (const char* text :
         {"", "  ", "{", "{\"a\":1,}", "{'a':1}", "{} x", "\"root\"", "[]", "12", "{\"Name\":\"\xff\"}"})
        EXPECT_FALSE(read<Outer>(text)) << text;
    EXPECT_FALSE(parse(std::string(100, '[') + std::string(100, ']'))) << "depth is bounded";
}

TEST(JsonRead, literal_null_meets_the_required_checks) { EXPECT_FALSE(read<Outer>("null")); }

TEST(Schema, names_nested_structs_once) {
    std::map<std::string, std::string> schemas;
    EXPECT_EQ(add_schema<Outer>(schemas), "Outer");
    ASSERT_TRUE(schemas.contains("Inner"));
    EXPECT_NE(schemas["Outer"].find("\"#/components/schemas/Inner\""), std::string::npos);
    EXPECT_NE(schemas["Outer"].find("\"required\":[\"Name\"]"), std::string::npos);
}

struct Tree {
    std::string label;
    std::vector<Tree> children;
};
constexpr auto json_object(const Tree*) {
    return object("Tree", field("label", &Tree::label, "What <it> is"), field("children", &Tree::children));
}

TEST(Schema, of_a_struct_that_holds_itself_ends) {
    std::map<std::string, std::string> schemas;
    EXPECT_EQ(add_schema<Tree>(schemas), "Tree");
    EXPECT_EQ(schemas.size(), 1U);
    EXPECT_EQ(schemas["Tree"],
              R"({"type":"object","properties":{"label":{"description":"What \u003cit\u003e is","type":"string"},)"
              R"("children":{"type":["array","null"],"items":{"$ref":"#/components/schemas/Tree"}}}})");
}

TEST(Schema, every_member_type_has_its_json_type) {
    std::map<std::string, std::string> schemas;
    add_schema<Outer>(schemas);
    const auto outer = parse(schemas["Outer"]);
    ASSERT_TRUE(outer);
    const auto& members = outer->at("properties");
    const auto type_of = [&](const char* name) { return serialize(members.at(name)); };
    EXPECT_EQ(type_of("Name"), R"({"type":"string"})");
    EXPECT_EQ(type_of("tags"), R"({"type":["array","null"],"items":{"type":"string"}})");
    EXPECT_EQ(type_of("counts"), R"({"type":["object","null"],"additionalProperties":{"type":"integer"}})");
    EXPECT_EQ(type_of("ratio"), R"({"type":"number"})");
    EXPECT_EQ(type_of("password"), R"({"type":"string","format":"password"})");
    EXPECT_EQ(type_of("colour"), R"({"type":"string","enum":["red","green"]})");
    EXPECT_EQ(type_of("at"), R"({"type":"string","format":"date-time"})");
    EXPECT_EQ(add_schema<std::string>(schemas), "") << "only described structs have a name";
}

}  // namespace
}  // namespace corral::json
