#include "server.hpp"

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>

#include "identity/accounts/store.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/tokens.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/json/json.hpp"
#include "support/database.hpp"

namespace corral::tests {

namespace {

void prepare_process() {
    static std::once_flag done;
    std::call_once(done, [] {
        crypto::init();
        std::signal(SIGPIPE, SIG_IGN);  // as the service does
    });
}

const boost::json::value* find(const boost::json::value& all, std::string_view pointer) {
    boost::system::error_code ignored;
    return all.find_pointer(pointer, ignored);
}

boost::json::value parsed(const std::string& body) {
    boost::system::error_code error;
    auto value = boost::json::parse(body, error);
    if (error) throw std::runtime_error("no JSON: " + body);
    return value;
}

}  // namespace

std::string Answer::at(std::string_view pointer) const {
    const auto all = parsed(body);
    const auto* found = find(all, pointer);
    if (found == nullptr) return "(absent)";
    return found->is_string() ? std::string(found->get_string()) : boost::json::serialize(*found);
}

int Answer::size(std::string_view pointer) const {
    const auto all = parsed(body);
    const auto* found = find(all, pointer);
    if (found != nullptr && found->is_array()) return static_cast<int>(found->get_array().size());
    if (found != nullptr && found->is_object()) return static_cast<int>(found->get_object().size());
    return -1;
}

Server::Server(Options options) : options_(std::move(options)) {
    prepare_process();
    prepare();
    open();
}

Server::~Server() = default;

// Accounts are written before the first start, because this version has no route that makes them.
void Server::prepare() {
    if (options_.beside != nullptr) {
        database_ = options_.beside->database_;
        users_ = options_.beside->users_;
        std::filesystem::copy_file(*options_.beside / "secret.key", folder_ / "secret.key");
        return;
    }
    const SystemClock clock;
    const auto database = must(testing_support::open_database_at(database_));
    must(database->migrate(identity::migrations()));
    identity::Directory directory(*database);
    must(identity::seed(*database, directory, clock, Secret(std::string(root_password))));
    must(database->write([&](db::Tx& tx) {
        std::map<std::string, bool> known;
        for (const auto& claim : identity::store::claims(tx)) known[claim.id] = true;
        for (const Account& account : options_.accounts) {
            identity::User user{.id = crypto::random_id(),
                                .username = account.name,
                                .name = account.name,
                                .email = account.name + "@example.com",
                                .roles = account.roles,
                                .claims = account.claims,
                                .created_at = clock.now(),
                                .updated_at = clock.now()};
            for (const std::string& claim : account.claims)
                if (!std::exchange(known[claim], true)) identity::store::insert_claim(tx, {.id = claim});
            identity::store::insert_user(tx, user);
        }
        for (const auto& user : identity::store::users(tx)) users_[user.username] = user.id;
    }));
}

void Server::open() {
    std::vector<std::string> flags{
        "--API_PORT=0", "--API_ADDRESS=127.0.0.1", "--HYPERVISOR=fake", "--DATABASE_FOLDER=" + folder_.path(),
        "--ROOT_PASSWORD=" + std::string(root_password), "--JWT_HMACS_SECRET=" + std::string(token_secret),
        // Whatever else fills the disk of the machine that runs the tests.
        "--CATALOG_CACHE_ALLOW_CACHE_ABOVE_FREE_DISK_SPACE=true"};
    if (const auto url = testing_support::database_url(database_); !url.empty())
        flags.push_back("--DATABASE_URL=" + url);
    flags.insert(flags.end(), options_.flags.begin(), options_.flags.end());
    std::unique_ptr<machines::Driver> hypervisor;
    if (options_.hypervisor) hypervisor = options_.hypervisor(folder_ / "hypervisor");
    app_ = must(app::App::open(must(app::Config::load(flags)), std::move(hypervisor)));
    must(app_->start());
}

void Server::stop() { app_->stop(); }

void Server::restart() {
    app_.reset();
    open();
}

std::string Server::url() const { return "http://127.0.0.1:" + std::to_string(port()); }

std::string Server::token(const std::string& name) const {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(SystemClock{}.now().time_since_epoch());
    return identity::TokenSigner(Secret(std::string(token_secret)))
        .sign({.exp = now.count() + 3600,
               .email = name + "@example.com",
               .username = name,
               .uid = users_.at(name),
               .jti = crypto::random_uuid()});
}

cli::Client Server::client(const std::string& name) const {
    return cli::Client({.url = url(), .token = Secret(token(name)), .api_key = {}});
}

Answer Server::call(std::string_view method, const std::string& path, std::string body, const Ask& ask) {
    net::ClientRequest request{.method = std::string(method), .url = url() + "/api" + path, .headers = ask.headers};
    if (!ask.as.empty()) request.bearer = Secret(token(ask.as));
    request.body = std::move(body);
    request.content_type = ask.content_type;
    request.limit = std::chrono::minutes{2};
    auto answer = must(http_.send(request));
    return {answer.status, std::move(answer.headers), std::move(answer.body)};
}

void Server::change(const std::function<void(db::Tx&)>& work) {
    must(must(testing_support::open_database_at(database_))->write([&](db::Tx& tx) { work(tx); }));
}

Answer finished_job(Server& server, const std::string& id) {
    Answer job;
    const bool ended = eventually([&] {
        job = server.get("/v1/jobs/" + id);
        return job.at("/state") == "completed" || job.at("/state") == "failed";
    });
    if (!ended) throw std::runtime_error("the job does not end: " + job.body);
    return job;
}

}  // namespace corral::tests
