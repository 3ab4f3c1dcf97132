// Taking over the accounts of a reference database: files that the running reference wrote (fixtures/reference-db).
#include <fstream>
#include <sstream>

#include "identity/accounts/store.hpp"
#include "identity/import/reference.hpp"
#include "identity/service.hpp"
#include "identity/store.hpp"
#include "platform/crypto/crypto.hpp"
#include "support/accounts_test.hpp"

namespace corral::identity {
namespace {

using testing_support::fails_with;
using testing_support::ok;
using testing_support::value_of;

std::string fixture(const std::string& name) {
    std::ifstream file(std::string(CORRAL_TESTS) + "/wire/fixtures/reference-db/" + name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    EXPECT_FALSE(text.str().empty()) << name;
    return text.str();
}

class ReferenceImport : public testing::Test {
protected:
    ImportReport import(const ReferenceDatabase& from, const ImportOptions& options = {}) {
        return value_of(import_reference(*database_, directory_, clock_, from, options));
    }
    static ReferenceDatabase plain() { return value_of(read_reference(fixture("plain.json"), Secret{})); }
    Result<LoginResponse> login(const std::string& name, const std::string& password) {
        return service_.login({.email = name, .password = Secret(password)}, "192.0.2.1");
    }
    Result<Caller> with_key(const std::string& text) {
        http::Request request;
        request.headers.add("X-Api-Key", crypto::base64(text));
        return service_.authenticate(request, false);
    }
    static ImportReport::Kind kind(const ImportReport& report, const std::string& name) {
        const auto it = std::ranges::find(report.kinds, name, &ImportReport::Kind::name);
        return it == report.kinds.end() ? ImportReport::Kind{} : *it;
    }
    static bool notes(const ImportReport& report, const std::string& text) {
        return std::ranges::any_of(report.notes, [&](const auto& n) { return n.find(text) != std::string::npos; });
    }

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ =
        testing_support::open_database(folder_.path(), {audit::migrations(), migrations(), events::migrations()});
    Directory directory_{*database_};
    Service service_{*database_, directory_, clock_, {.master_key = Secret("0123456789abcdef0123456789abcdef")}};
    Configs configs_{*database_, clock_};
};

TEST_F(ReferenceImport, brings_what_the_fixture_s_readme_names) {
    const auto report = import(plain());
    EXPECT_EQ(kind(report, "claims").taken, 1U);
    EXPECT_EQ(kind(report, "roles").taken, 1U);
    EXPECT_EQ(kind(report, "users").taken, 3U) << "root, ann and bob";
    EXPECT_EQ(kind(report, "API keys").taken, 1U);
    EXPECT_EQ(kind(report, "user settings").taken, 1U);
    EXPECT_TRUE(notes(report, "virtual_machine_templates not taken"));
    EXPECT_NE(directory_.claim("BUILD_IMAGES"), nullptr);
    EXPECT_EQ(directory_.role("CI_RUNNER")->claims, std::vector<std::string>{"LIST_VM"});
    const auto ann = directory_.account("ann@example.test");
    EXPECT_EQ(ann->user.id, "59e3bb7ca95e70d2d968a7a4b13bf48d8955dc031fc91d1d7d2c2731629fbbca");
    EXPECT_EQ(ann->user.roles, (std::vector<std::string>{"USER", "CI_RUNNER"}));
    EXPECT_EQ(ann->user.claims.size(), 5U);
    Caller caller;
    caller.principal = ann->principal;
    EXPECT_EQ(value_of(configs_.get(caller, "theme")).value, "dark");
}

TEST_F(ReferenceImport, q45_passwords_go_on_working_and_are_hashed_anew_when_first_used) {
    import(plain());
    for (const auto& [name, password] : {std::pair{"ann", "Correct-Horse-9!"}, std::pair{"bob", "Battery-Staple-7!"},
                                         std::pair{"root", "Root-Passw0rd!"}}) {
        SCOPED_TRACE(name);
        EXPECT_TRUE(directory_.account(name)->user.password_hash.starts_with("$2a$"));
        EXPECT_TRUE(fails_with(Errc::unauthenticated, login(name, "Wrong-Horse-9!")));
        EXPECT_TRUE(ok(login(name, password)));
        EXPECT_TRUE(directory_.account(name)->user.password_hash.starts_with("$argon2id$"));
        EXPECT_TRUE(ok(login(name, password)));
    }
}

TEST_F(ReferenceImport, a_key_goes_on_working_and_becomes_a_fast_one_when_first_used) {
    import(plain());
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key("CIKEY:wrong")));
    EXPECT_TRUE(fails_with(Errc::busy, with_key("CIKEY:ci-secret-123"))) << "a guess is followed by a pause";
    clock_.advance(std::chrono::seconds{1});
    const auto caller = with_key("CIKEY:ci-secret-123");
    ASSERT_TRUE(ok(caller));
    EXPECT_TRUE(caller->principal->root) << "its owner";
    EXPECT_EQ(directory_.key("ci key")->secret_mac.size(), 64U);
    EXPECT_TRUE(ok(with_key("CIKEY:ci-secret-123")));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, with_key("CIKEY:wrong")));
}

TEST_F(ReferenceImport, an_encrypted_file_gives_the_same_accounts_and_only_with_its_key) {
    const auto from = value_of(read_reference(fixture("encrypted.bin"), Secret(fixture("key.pem"))));
    import(from);
    EXPECT_TRUE(ok(login("ann", "Correct-Horse-9!")));
    EXPECT_TRUE(ok(with_key("CIKEY:ci-secret-123")));
    EXPECT_TRUE(fails_with(Errc::invalid, read_reference(fixture("encrypted.bin"), Secret{})));
    EXPECT_TRUE(fails_with(Errc::invalid, read_reference(fixture("encrypted.bin"), Secret("no key"))));
    EXPECT_TRUE(
        fails_with(Errc::invalid, read_reference(fixture("encrypted.bin").substr(0, 100), Secret(fixture("key.pem")))));
    auto damaged = fixture("encrypted.bin");
    damaged[10] = static_cast<char>(damaged[10] ^ 1);
    EXPECT_TRUE(fails_with(Errc::invalid, read_reference(damaged, Secret(fixture("key.pem")))));
}

TEST_F(ReferenceImport, again_changes_nothing_whatever_was_changed_here_since) {
    import(plain());
    ASSERT_TRUE(ok(login("ann", "Correct-Horse-9!")));
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        store::take_role(tx, directory_.account("ann")->user.id, "CI_RUNNER");
        store::take_from_role(tx, "CI_RUNNER", "LIST_VM");
    })));
    const auto report = import(plain());
    for (const auto& kind : report.kinds) {
        EXPECT_EQ(kind.taken, 0U) << kind.name;
        EXPECT_EQ(kind.refused, 0U) << kind.name;
    }
    EXPECT_EQ(directory_.accounts().size(), 3U);
    EXPECT_TRUE(directory_.account("ann")->user.password_hash.starts_with("$argon2id$"));
    EXPECT_EQ(directory_.account("ann")->user.roles, std::vector<std::string>{"USER"});
    EXPECT_TRUE(directory_.role("CI_RUNNER")->claims.empty());
}

TEST_F(ReferenceImport, into_a_server_with_a_root_of_its_own_keeps_that_and_gives_it_the_keys) {
    ASSERT_TRUE(ok(seed(*database_, directory_, clock_, Secret("root's own"))));
    const auto report = import(plain());
    EXPECT_TRUE(notes(report, "root is here already"));
    EXPECT_TRUE(ok(login("root", "root's own")));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, login("root", "Root-Passw0rd!")));
    EXPECT_EQ(value_of(with_key("CIKEY:ci-secret-123")).principal->user_id.text, directory_.root()->user.id);
}

TEST_F(ReferenceImport, says_of_each_object_that_it_does_not_take_why) {
    auto from = plain();
    const auto ann = from.users[1];
    from.users.push_back(ann);
    from.users.back().id = "another-id";  // with ann's name
    from.users.push_back({.id = "odd", .username = "odd", .email = "odd@x", .password = "plain text"});
    from.users.push_back({.id = "idle", .username = "idle", .email = "idle@x"});
    from.users.back().roles = {{"NO_SUCH_ROLE"}};
    from.api_keys.push_back(from.api_keys[0]);
    from.api_keys.back().id = "another-key";  // with the same name
    auto orphan = from.api_keys[0];
    orphan.id = orphan.name = orphan.key = "orphan";
    orphan.user_id = "nobody";
    from.api_keys.push_back(orphan);
    auto ownerless = from.api_keys[0];
    ownerless.id = ownerless.name = ownerless.key = "ownerless";
    ownerless.user_id.clear();
    ownerless.expires_at = "soon";
    from.api_keys.push_back(ownerless);
    const auto report = import(from);
    EXPECT_EQ(kind(report, "users").refused, 2U);
    EXPECT_EQ(kind(report, "API keys").refused, 2U);
    EXPECT_TRUE(notes(report, "user ann not taken: another account"));
    EXPECT_TRUE(notes(report, "user odd not taken"));
    EXPECT_TRUE(notes(report, "user idle has no password"));
    EXPECT_TRUE(notes(report, "NO_SUCH_ROLE"));
    EXPECT_TRUE(notes(report, "API key orphan not taken: its owner"));
    EXPECT_TRUE(notes(report, "API key ownerless has no owner"));
    EXPECT_TRUE(notes(report, "API key ownerless never expires"));
    for (const auto& text : report.notes) EXPECT_EQ(text.find("$2a$"), std::string::npos) << "no hash is printed";
}

TEST_F(ReferenceImport, hashes_of_a_server_without_salt_are_checked_without_it) {
    auto from = plain();
    from.users[1].password = "$2a$10$abcdefghijklmnopqrstuuNmEERNl9CrjOS2cAL3CIgrkcesSSnRG";  // of the password alone
    import(from, {.unsalted = true});
    EXPECT_TRUE(ok(login("ann", "Valid-Passw0rd!")));
    EXPECT_TRUE(fails_with(Errc::unauthenticated, login("bob", "Battery-Staple-7!"))) << "his was made with salt";
}

TEST_F(ReferenceImport, what_is_no_reference_database_is_refused) {
    for (const char* text : {"", "  \n", "{}", R"({"users": 5})", "[1]", "{\"users\": [", "no JSON"})
        EXPECT_TRUE(fails_with(Errc::invalid, read_reference(text, Secret{}))) << text;
    EXPECT_TRUE(fails_with(
        Errc::invalid,
        import_reference(*database_, directory_, clock_, value_of(read_reference(R"({"users": null})", Secret{})), {})))
        << "no root here and none there";
}

}  // namespace
}  // namespace corral::identity
