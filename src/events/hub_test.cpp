#include "events/hub.hpp"

#include "base/temp_folder.hpp"
#include "events/event_log.hpp"
#include "events/migrations.hpp"
#include "support/testing.hpp"

namespace corral::events {
namespace {

using testing_support::caller;
using testing_support::eventually;
using testing_support::ok;
using testing_support::refuses_field;
using testing_support::super_user;
using testing_support::value_of;

// What a client reads; the members of the contract (models-a 9.1).
struct Frame {
    std::string id, ref_id, event_type, message, client_id;
    Time timestamp{};
    std::int64_t sequence = 0;
    json::Raw body;
};
constexpr auto json_object(const Frame*) {
    using json::field;
    return json::object("Frame", field("id", &Frame::id), field("ref_id", &Frame::ref_id),
                        field("event_type", &Frame::event_type), field("message", &Frame::message),
                        field("client_id", &Frame::client_id), field("timestamp", &Frame::timestamp),
                        field("sequence", &Frame::sequence), field("body", &Frame::body));
}

// The far end of a socket: keeps what was sent. Bounded as the real one is: it never makes the hub wait.
class TestSocket final : public http::Socket {
public:
    void send(std::shared_ptr<const std::string> message, bool) override {
        const std::lock_guard lock(mutex_);
        sent_.push_back(std::move(message));
    }
    void close(int code, std::string reason) override {
        const std::lock_guard lock(mutex_);
        closed_ = std::to_string(code) + " " + reason;
    }
    [[nodiscard]] std::size_t queued() const override {
        const std::lock_guard lock(mutex_);
        return reads_ ? 7 : sent_.size() - read_;
    }
    void stop_reading() { reads_ = false; }
    void read_all() {
        const std::lock_guard lock(mutex_);
        read_ = sent_.size();
    }
    std::string closed() {
        const std::lock_guard lock(mutex_);
        return closed_;
    }
    std::vector<Frame> frames() {
        const std::lock_guard lock(mutex_);
        std::vector<Frame> out;
        for (const auto& text : sent_) {
            EXPECT_TRUE(text->ends_with('\n'));
            out.push_back(value_of(json::read<Frame>(*text)));
        }
        return out;
    }
    std::vector<std::shared_ptr<const std::string>> texts() {
        const std::lock_guard lock(mutex_);
        return sent_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<const std::string>> sent_;
    std::atomic<bool> reads_{true};
    std::size_t read_ = 0;
    std::string closed_;
};

// Says of callers of earlier what the test wants.
class Judge final : public http::Authenticator {
public:
    Result<Caller> authenticate(const http::Request&, bool) const override {
        return Error{Errc::unauthenticated, "not asked here"};
    }
    Result<Caller> still_good(const Caller& who) const override {
        const std::lock_guard lock(mutex_);
        const auto now = now_.find(who.user_id().text);
        return now == now_.end() ? Result<Caller>(who) : now->second;
    }
    std::uint64_t generation() const { return generation_; }
    void says(const std::string& id, Result<Caller> now, bool told = true) {
        const std::lock_guard lock(mutex_);
        now_.insert_or_assign(id, std::move(now));
        if (told) ++generation_;
    }

private:
    mutable std::mutex mutex_;
    std::map<std::string, Result<Caller>> now_;
    std::atomic<std::uint64_t> generation_{1};
};

class HubTest : public testing::Test {
protected:
    struct Client {
        http::SocketHandler handler;
        std::shared_ptr<TestSocket> socket = std::make_shared<TestSocket>();
        std::string id;
        [[nodiscard]] std::vector<std::string> messages() const {  // without the greeting
            std::vector<std::string> out;
            for (const Frame& frame : socket->frames()) out.push_back(frame.message);
            out.erase(out.begin());
            return out;
        }
        [[nodiscard]] bool gets(const std::vector<std::string>& wanted) const {
            if (testing_support::eventually([&] { return messages() == wanted; })) return true;
            ADD_FAILURE() << testing::PrintToString(messages());
            return false;
        }
        [[nodiscard]] Frame answer_to(const std::string& text) const {
            handler.received(text, false);
            return socket->frames().back();
        }
    };
    Client connect(const Caller& who, const std::string& types, std::int64_t since = -1) {
        Client out;
        out.handler = value_of(hub_.open(who, types, since));
        out.handler.opened(out.socket);
        const auto body = out.socket->frames().front().body.text;
        out.id = body.substr(body.find(":\"") + 2, 36);
        return out;
    }
    void append(Type type, const std::string& message, const std::string& owner = "") {
        ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) { log_.append(tx, type, message, R"({"a":1})", owner); })));
    }
    using Texts = std::vector<std::string>;

    TempFolder folder_;
    FakeClock clock_;
    std::unique_ptr<db::Database> database_ = testing_support::open_database(folder_.path(), {migrations()});
    EventLog log_{*database_, clock_};
    Judge judge_;
    Hub hub_{log_, clock_, judge_, [this] { return judge_.generation(); }};
};

TEST_F(HubTest, q67_greets_with_the_client_s_id_and_its_types_in_the_order_asked_for) {
    const Client client = connect(super_user(), " job_manager,PDFM,nonsense,pdfm,");
    const Frame greeting = client.socket->frames().front();
    EXPECT_EQ(greeting.event_type, "global");
    EXPECT_EQ(greeting.body.text,
              R"({"client_id":")" + client.id + R"(","subscriptions":["job_manager","pdfm","pdfm","global"]})");
    EXPECT_EQ(greeting.id.size(), 64U);
    EXPECT_EQ(greeting.timestamp, clock_.now());
    EXPECT_EQ(greeting.client_id, "") << "only answers to one client carry it";
}

TEST_F(HubTest, delivers_the_types_asked_for_and_global_to_everybody) {
    const Client machines = connect(super_user(), "pdfm");
    const Client nothing = connect(super_user(), "");
    append(Type::pdfm, "VM_ADDED");
    append(Type::job_manager, "JOB_CREATED");
    append(Type::global, "HELLO");
    EXPECT_EQ(machines.messages(), (Texts{"VM_ADDED", "HELLO"}));
    EXPECT_EQ(nothing.messages(), Texts{"HELLO"});
}

TEST_F(HubTest, an_event_on_the_wire_has_the_contract_s_members_and_its_number_for_who_asked_with_since) {
    const Client plain = connect(super_user(), "pdfm");
    const Client numbered = connect(super_user(), "pdfm", 0);
    append(Type::pdfm, "VM_ADDED");
    ASSERT_TRUE(numbered.gets({"VM_ADDED"}));
    const std::string event = R"({"id":")" + value_of(log_.since(0, 1)).front().id +
                              R"(","event_type":"pdfm","timestamp":"2026-01-01T00:00:00Z",)"
                              R"("message":"VM_ADDED","body":{"a":1})";
    EXPECT_EQ(*plain.socket->texts().back(), event + "}\n");
    EXPECT_EQ(*numbered.socket->texts().back(), event + ",\"sequence\":1}\n");
}

TEST_F(HubTest, one_event_is_one_text_shared_by_all_its_receivers) {
    const Client a = connect(super_user(), "pdfm");
    const Client b = connect(super_user(), "pdfm");
    append(Type::pdfm, "x");
    EXPECT_EQ(a.socket->texts().back(), b.socket->texts().back());
}

TEST_F(HubTest, q19_who_may_see_what) {
    struct Case {
        Type type;
        const char* owner;
        bool plain, owner_of_it, with_claim;
    };
    const std::vector<Case> cases{
        {Type::global, "", true, true, true},
        {Type::stats, "", true, true, true},
        {Type::catalog_cache, "", false, false, true},  // LIST_CACHE
        {Type::catalog_cache, "ann", false, true, true},
        {Type::reverse_proxy, "", false, false, false},
        {Type::orchestrator, "", false, false, false},
        {Type::pdfm, "", false, false, true},           // LIST_VM
        {Type::job_manager, "ann", false, true, true},  // JOB_MANAGER_LIST, or one's own
        {Type::job_manager, "", false, false, true},
        {Type::system_logs, "", false, false, false},
        {Type::auth, "", false, false, false},
    };
    const std::string everything = "pdfm,stats,catalog_cache,reverse_proxy,orchestrator,job_manager,system_logs,auth";
    const Client plain = connect(caller("eve"), everything);
    const Client ann = connect(caller("ann"), everything);
    const Client reader = connect(caller("bob", {"LIST_VM", "JOB_MANAGER_LIST", "LIST_CACHE"}), everything);
    const Client root = connect(super_user(), everything);
    Texts for_plain, for_ann, for_reader, for_root;
    for (std::size_t i = 0; i < cases.size(); ++i) {
        const Case& c = cases[i];
        const std::string name = std::to_string(i) + " " + std::string(to_text(c.type));
        append(c.type, name, c.owner);
        if (c.plain) for_plain.push_back(name);
        if (c.owner_of_it) for_ann.push_back(name);
        if (c.with_claim) for_reader.push_back(name);
        for_root.push_back(name);
    }
    EXPECT_EQ(plain.messages(), for_plain);
    EXPECT_EQ(ann.messages(), for_ann);
    EXPECT_EQ(reader.messages(), for_reader);
    EXPECT_EQ(root.messages(), for_root);
}

TEST_F(HubTest, replays_what_came_after_the_number_asked_for_then_goes_on_live) {
    for (const char* message : {"1", "2", "3"}) append(Type::pdfm, message);
    const Client client = connect(super_user(), "pdfm", 1);
    append(Type::pdfm, "4");
    EXPECT_TRUE(client.gets({"2", "3", "4"}));
}

TEST_F(HubTest, a_replay_is_filtered_by_type_and_right_as_live_events_are) {
    append(Type::pdfm, "a machine");
    append(Type::system_logs, "a line");
    append(Type::job_manager, "mine", "ann");
    append(Type::job_manager, "not mine", "bob");
    const Client client = connect(caller("ann", {"LIST_VM"}), "job_manager,system_logs", 0);
    EXPECT_TRUE(client.gets({"mine"}));
}

TEST_F(HubTest, events_that_come_while_a_replay_is_prepared_are_neither_lost_nor_doubled) {
    append(Type::pdfm, "1");
    Client client;
    client.handler = value_of(hub_.open(super_user(), "pdfm", 0));
    append(Type::pdfm, "2");  // stored and live before the socket is open
    client.handler.opened(client.socket);
    append(Type::pdfm, "3");
    EXPECT_TRUE(client.gets({"1", "2", "3"}));
}

TEST_F(HubTest, events_under_a_replay_and_many_writers_come_once_each_and_in_order) {
    std::atomic<bool> done{false};
    std::jthread writer([&] {
        for (int i = 0; i < 200; ++i) append(Type::pdfm, "x");
        done = true;
    });
    std::vector<Client> clients;
    while (!done && clients.size() < 40) clients.push_back(connect(super_user(), "pdfm", 0));
    writer.join();
    clients.push_back(connect(super_user(), "pdfm", 0));
    for (const Client& client : clients) {
        ASSERT_TRUE(eventually([&] { return client.socket->frames().size() >= 201; }));
        const auto frames = client.socket->frames();
        ASSERT_EQ(frames.size(), 201U);
        for (std::size_t i = 1; i < frames.size(); ++i) EXPECT_EQ(frames[i].sequence, static_cast<std::int64_t>(i));
    }
}

TEST_F(HubTest, a_long_replay_goes_on_only_as_the_client_reads) {
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        for (int i = 0; i < 1200; ++i) log_.append(tx, Type::pdfm, "x", "{}", "");
    })));
    Client client;
    client.socket->stop_reading();
    client.handler = value_of(hub_.open(super_user(), "pdfm", 0));
    client.handler.opened(client.socket);
    const auto got = [&](std::size_t count) { return eventually([&] { return client.messages().size() == count; }); };
    ASSERT_TRUE(got(500));
    append(Type::pdfm, "live");
    EXPECT_EQ(client.messages().size(), 500U) << "live events wait for those before them";
    for (const std::size_t count : {1000U, 1201U}) {
        client.socket->read_all();
        ASSERT_TRUE(got(count));
    }
    append(Type::pdfm, "last");
    const auto frames = client.socket->frames();
    ASSERT_EQ(frames.size(), 1203U);
    for (std::size_t i = 1; i < frames.size(); ++i) EXPECT_EQ(frames[i].sequence, static_cast<std::int64_t>(i));
}

TEST_F(HubTest, what_cannot_be_replayed_any_more_is_said_and_the_rest_comes) {
    EventLog short_log{*database_, clock_, 2};
    for (const char* message : {"1", "2", "3", "4"}) append(Type::pdfm, message);
    ASSERT_TRUE(ok(short_log.trim()));
    const Client late = connect(super_user(), "pdfm", 1);
    ASSERT_TRUE(late.gets({"EVENTS_MISSED", "3", "4"}));
    EXPECT_EQ(late.socket->frames()[1].body.text, R"({"after":1,"oldest":3,"last":4})");
    EXPECT_EQ(late.socket->frames()[1].event_type, "global");
    EXPECT_TRUE(connect(super_user(), "pdfm", 2).gets({"3", "4"})) << "nothing was missed";
}

TEST_F(HubTest, a_number_beyond_the_last_one_does_not_silence_what_comes) {
    append(Type::pdfm, "1");
    const Client client = connect(super_user(), "pdfm", 77);  // of a database that is gone
    ASSERT_TRUE(client.gets({"EVENTS_MISSED"}));
    append(Type::pdfm, "2");
    EXPECT_TRUE(client.gets({"EVENTS_MISSED", "2"}));
}

TEST_F(HubTest, q19_a_socket_is_closed_when_its_credential_ends_and_hears_of_nothing_that_follows) {
    const Client ann = connect(caller("ann", {"LIST_VM"}), "pdfm");
    const Client bob = connect(caller("bob", {"LIST_VM"}), "pdfm");
    append(Type::pdfm, "before");
    judge_.says("ann", Error{Errc::unauthenticated, "The account is blocked"});
    append(Type::pdfm, "after");
    EXPECT_EQ(ann.messages(), Texts{"before"});
    EXPECT_EQ(ann.socket->closed(), "1008 The account is blocked");
    EXPECT_EQ(bob.messages(), (Texts{"before", "after"}));
    EXPECT_EQ(bob.socket->closed(), "");
}

TEST_F(HubTest, q19_changed_rights_count_for_open_sockets_at_once) {
    const Client ann = connect(caller("ann"), "pdfm");
    append(Type::pdfm, "hidden");
    judge_.says("ann", caller("ann", {"LIST_VM"}));
    append(Type::pdfm, "shown");
    judge_.says("ann", caller("ann"));
    append(Type::pdfm, "hidden again");
    EXPECT_EQ(ann.messages(), Texts{"shown"});
    EXPECT_EQ(ann.socket->closed(), "") << "the socket stays open";
}

TEST_F(HubTest, q1_a_socket_that_a_forwarder_opened_for_somebody_keeps_to_their_rights) {
    Caller forwarded = caller("forwarder", {"LIST_VM"});
    forwarded.forwarder = true;
    Caller itself = super_user();
    itself.forwarder = true;
    judge_.says("forwarder", itself);
    const Client client = connect(forwarded, "pdfm,auth");
    append(Type::auth, "not theirs");
    append(Type::pdfm, "theirs");
    itself = caller("forwarder", {"LIST_CACHE"});
    itself.forwarder = true;
    judge_.says("forwarder", itself);
    append(Type::pdfm, "not the forwarder's any more");
    EXPECT_EQ(client.messages(), Texts{"theirs"});
}

TEST_F(HubTest, a_credential_that_runs_out_is_noticed_without_any_event) {
    const Client ann = connect(caller("ann"), "");
    judge_.says("ann", Error{Errc::unauthenticated, "The credential has expired"}, false);
    hub_.sweep();
    EXPECT_EQ(ann.socket->closed(), "1008 The credential has expired");
}

TEST_F(HubTest, rights_that_end_in_the_middle_of_a_replay_end_it) {
    ASSERT_TRUE(ok(database_->write([&](db::Tx& tx) {
        for (int i = 0; i < 700; ++i) log_.append(tx, Type::pdfm, "x", "{}", "");
    })));
    Client client;
    client.socket->stop_reading();
    client.handler = value_of(hub_.open(caller("ann", {"LIST_VM"}), "pdfm", 0));
    client.handler.opened(client.socket);
    ASSERT_TRUE(eventually([&] { return client.messages().size() == 500; }));
    judge_.says("ann", Error{Errc::unauthenticated, "The account is gone"});
    client.socket->read_all();
    EXPECT_TRUE(eventually([&] { return client.socket->closed() == "1008 The account is gone"; }));
    EXPECT_EQ(client.messages().size(), 500U);
}

TEST_F(HubTest, a_client_that_is_gone_gets_nothing_and_is_not_listed) {
    const Client client = connect(super_user(), "pdfm");
    EXPECT_EQ(hub_.clients(super_user()).size(), 1U);
    client.handler.closed();
    append(Type::pdfm, "x");
    EXPECT_EQ(client.messages(), Texts{});
    EXPECT_TRUE(hub_.clients(super_user()).empty());
}

TEST_F(HubTest, answers_ping_and_client_id_and_refuses_the_rest) {
    const Client client = connect(caller("ann"), "");
    const Frame pong = client.answer_to(R"({"id":"m-1","event_type":"health","message":"ping"})");
    EXPECT_EQ(pong.event_type, "health");
    EXPECT_EQ(pong.message, "pong");
    EXPECT_EQ(pong.ref_id, "m-1");
    EXPECT_EQ(pong.client_id, client.id);
    EXPECT_EQ(pong.body.text, "null");
    const Frame id = client.answer_to(R"({"event_type":"system","message":"CLIENT-ID"})");
    EXPECT_EQ(id.message, "client-id");
    EXPECT_EQ(id.ref_id.size(), 64U) << "a message without id gets one";
    EXPECT_EQ(id.body.text, R"({"client-id":")" + client.id + R"("})");
    for (const char* bad : {"no JSON", "[]", R"({"event_type":"nonsense"})", R"({"message":"ping"})",
                            R"({"event_type":"HEALTH","message":"ping"})"}) {
        const Frame refused = client.answer_to(bad);
        EXPECT_EQ(refused.event_type, "global") << bad;
        EXPECT_EQ(refused.message, "error") << bad;
        EXPECT_EQ(refused.ref_id, "") << bad;
        EXPECT_EQ(refused.client_id, "") << bad;
    }
    const Frame known = client.answer_to(R"({"id":"m-2","event_type":"pdfm","message":"VM_ADDED"})");
    EXPECT_EQ(known.message, "error");
    EXPECT_EQ(known.ref_id, "m-2");
    EXPECT_NE(known.body.text.find("pdfm"), std::string::npos);
}

TEST_F(HubTest, q19_what_a_client_sends_reaches_nobody_else) {
    const Client other = connect(super_user(), "pdfm");
    const Client client = connect(caller("ann"), "pdfm");
    client.handler.received(R"({"event_type":"pdfm","message":"VM_REMOVED","body":{}})", false);
    client.handler.received(R"({"event_type":"global","message":"HELLO"})", false);
    client.handler.received(R"({"event_type":"health","message":"something"})", false);
    EXPECT_EQ(other.messages(), Texts{});
    EXPECT_EQ(value_of(log_.since(0, 10)).size(), 0U);
}

TEST_F(HubTest, q68_unsubscribing_judges_by_the_client_s_own_types) {
    const Client client = connect(caller("ann", {"LIST_VM"}), "pdfm,stats");
    const auto done = hub_.unsubscribe(caller("ann"), {.client_id = client.id, .event_types = {"PDFM", "auth", "no"}});
    ASSERT_TRUE(ok(done));
    EXPECT_EQ(done->removed, (Texts{"pdfm", "auth"})) << "what was not there is gone as well";
    EXPECT_EQ(done->failed, Texts{"no"});
    append(Type::pdfm, "x");
    append(Type::stats, "y");
    EXPECT_EQ(client.messages(), Texts{"y"});
}

TEST_F(HubTest, unsubscribing_nothing_is_refused_and_global_stays) {
    const Client client = connect(caller("ann"), "stats");
    const auto ask = [&](std::vector<std::string> types) {
        return hub_.unsubscribe(caller("ann"), {.client_id = client.id, .event_types = std::move(types)});
    };
    EXPECT_TRUE(refuses_field("/event_types", ask({"global"})));
    EXPECT_TRUE(refuses_field("/event_types", ask({"nonsense"})));
    EXPECT_TRUE(refuses_field("/event_types", ask({})));
    append(Type::global, "x");
    EXPECT_EQ(client.messages(), Texts{"x"});
}

TEST_F(HubTest, q19_clients_of_others_can_neither_be_seen_nor_changed) {
    const Client ann = connect(caller("ann"), "stats");
    connect(caller("bob"), "");
    EXPECT_TRUE(
        refuses_field("/client_id", hub_.unsubscribe(caller("bob"), {.client_id = ann.id, .event_types = {"stats"}})));
    const auto seen = hub_.clients(caller("bob"));
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_EQ(seen[0].user_id, "bob");
    EXPECT_EQ(hub_.clients(super_user()).size(), 2U);
    EXPECT_TRUE(ok(hub_.unsubscribe(super_user(), {.client_id = ann.id, .event_types = {"stats"}})));
}

TEST_F(HubTest, q72_a_client_is_described_by_what_it_is_and_does) {
    const Client client = connect(caller("ann"), "stats");
    clock_.advance(std::chrono::seconds{30});
    client.handler.pong();
    const ClientInfo info = hub_.clients(super_user()).front();
    EXPECT_EQ(info.id, client.id);
    EXPECT_EQ(info.username, "ann");
    EXPECT_EQ(info.queue_depth, 7);
    EXPECT_TRUE(info.is_alive);
    EXPECT_EQ(info.last_pong_at, clock_.now());
    EXPECT_EQ(info.connected_at, clock_.now() - std::chrono::seconds{30});
    EXPECT_EQ(info.event_subscriptions, (std::vector{Type::global, Type::stats}));
}

TEST_F(HubTest, statistics_count_clients_subscriptions_and_messages) {
    connect(caller("ann"), "stats,pdfm");
    connect(caller("bob"), "stats");
    append(Type::stats, "x");
    clock_.advance(std::chrono::hours{1} + std::chrono::minutes{2} + std::chrono::seconds{3});
    const Statistics all = hub_.statistics(super_user());
    EXPECT_EQ(all.total_clients, 2);
    EXPECT_EQ(all.total_subscriptions, 5);
    EXPECT_EQ(all.type_stats, (std::map<std::string, std::int64_t>{{"global", 2}, {"pdfm", 1}, {"stats", 2}}));
    EXPECT_EQ(all.messages_sent, 4) << "two greetings, one event twice";
    EXPECT_EQ(all.uptime, "1h2m3s");
    EXPECT_EQ(all.clients.size(), 2U);
    EXPECT_EQ(hub_.statistics(caller("ann")).clients.size(), 1U);
}

}  // namespace
}  // namespace corral::events
