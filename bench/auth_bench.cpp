// Processor time of telling who asks, one thread: by API key, by token, and the bare HMAC that is the least of either.
// Prints one line of JSON, microseconds a check.
#include <time.h>

#include <cstdio>
#include <functional>

#include "audit/migrations.hpp"
#include "base/temp_folder.hpp"
#include "identity/accounts/store.hpp"
#include "identity/keys/keys.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "platform/crypto/crypto.hpp"

using namespace corral;

namespace {

constexpr int checks = 100'000;
constexpr int users = 1000;  // each with a key, so that look-ups are not out of the first cache line

double microseconds_each(const std::function<bool()>& check) {
    timespec before{};
    timespec after{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    for (int i = 0; i < checks; ++i)
        if (!check()) std::abort();
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    return (static_cast<double>(after.tv_sec - before.tv_sec) * 1e9 +
            static_cast<double>(after.tv_nsec - before.tv_nsec)) /
           checks / 1e3;
}

template <class T>
T must(Result<T> result) {
    if (!result) {
        std::fprintf(stderr, "auth_bench: %s\n", result.error().message.c_str());
        std::exit(1);
    }
    return std::move(*result);
}

http::Request with(const char* header, const std::string& value) {
    http::Request request;
    for (const char* usual : {"Host", "User-Agent", "Accept", "Accept-Encoding"})
        request.headers.add(usual, "something");
    request.headers.add(header, value);
    return request;
}

}  // namespace

int main() {
    crypto::init();
    const TempFolder folder;
    const SystemClock clock;
    const Secret master(crypto::random_bytes(32));
    const auto database = must(db::open_sqlite(folder / "bench.db"));
    auto migrations = identity::migrations();
    for (const auto& migration : audit::migrations()) migrations.push_back(migration);
    if (!database->migrate(std::move(migrations))) return 1;
    identity::Directory directory(*database);
    identity::Service service(*database, directory, clock, {.master_key = master});
    must(identity::seed(*database, directory, clock, Secret(std::string("a password for it"))));
    identity::ApiKeys keys(*database, directory, clock, master);
    if (!database->write([&](db::Tx& tx) {
            for (int i = 0; i < users; ++i) {
                const std::string name = "user-" + std::to_string(i);
                identity::store::insert_user(
                    tx,
                    {.id = name, .username = name, .name = name, .email = name + "@example.org", .roles = {"USER"}});
            }
        }))
        return 1;
    if (!directory.reload()) return 1;
    std::string encoded;
    for (int i = 0; i < users; ++i) {
        Caller owner;
        owner.principal = service.principal_of(UserId("user-" + std::to_string(i)));
        const std::string name = "key-" + std::to_string(i);
        encoded =
            must(keys.create(owner, {.name = name, .key = name, .secret = Secret(crypto::random_alphanumeric(32))}))
                .encoded;
    }
    const std::string token = must(service.login({.api_key = Secret(encoded)}, "192.0.2.1")).token;
    const auto by_key = with("X-Api-Key", encoded);
    const auto by_token = with("Authorization", "Bearer " + token);
    const std::string text = "api key\nKEY-1\n" + crypto::random_alphanumeric(32);
    const double key = microseconds_each([&] { return service.authenticate(by_key, false).has_value(); });
    const double jwt = microseconds_each([&] { return service.authenticate(by_token, false).has_value(); });
    const double hmac = microseconds_each([&] { return !crypto::hmac_sha256(master.reveal(), text).empty(); });
    const double head = microseconds_each([&] { return !crypto::hmac_sha256(master.reveal(), token).empty(); });
    std::printf(R"({"key": %.3f, "token": %.3f, "hmac": %.3f, "token_hmac": %.3f})"
                "\n",
                key, jwt, hmac, head);
    return 0;
}
