// Credentials of a request against the real directory: the one key that exists opens, nothing else does.
#include <memory>

#include "base/temp_folder.hpp"
#include "fuzz.hpp"
#include "identity/migrations.hpp"
#include "identity/seed.hpp"
#include "identity/service.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/db/sqlite.hpp"
#include "platform/http/message.hpp"

namespace {

using namespace corral;

struct World {
    TempFolder folder;
    FakeClock clock;
    std::unique_ptr<db::Database> database;
    std::unique_ptr<identity::Directory> directory;
    std::unique_ptr<identity::Service> service;

    World() {
        crypto::init();
        auto opened = db::open_sqlite(folder / "db");
        must(opened.has_value(), "a database can be opened");
        database = std::move(*opened);
        must(database->migrate(identity::migrations()).has_value(), "and has its tables");
        directory = std::make_unique<identity::Directory>(*database);
        must(identity::seed(*database, *directory, clock, Secret(std::string("Root's passw0rd!"))).has_value(),
             "and its accounts");
        service = std::make_unique<identity::Service>(
            *database, *directory, clock,
            identity::Settings{.master_key = Secret(std::string("0123456789abcdef0123456789abcdef"))});
    }
};

}  // namespace

void one(std::string_view input) {
    static const World world;
    for (const char* header : {"X-Api-Key", "Authorization"}) {
        http::Request request;
        request.headers.add(header, std::string(input));
        must(!world.service->authenticate(request, true), "nobody guesses credentials");
        request.headers.set(header, (*header == 'A' ? "Bearer " : "") + crypto::base64(input));
        must(!world.service->authenticate(request, true), "in base64 neither");
    }
    http::Request request;
    request.query = {{"access_token", std::string(input)}, {"authorization", std::string(input)}};
    must(!world.service->authenticate(request, true), "nor in a query");
}
