#include "app/server/database.hpp"

#include <chrono>
#include <thread>

#include "app/server/store.hpp"
#include "base/clock.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::app {

namespace {

// A server notices after about 25 seconds that a host is gone without a word, and frees what its controller held.
constexpr auto predecessor_limit = std::chrono::seconds{30};
constexpr auto predecessor_pause = std::chrono::milliseconds{50};

bool on_postgresql(const Config& config) { return !config.secret("DATABASE_URL").empty(); }

Result<std::string> controller_id(const Folders& folders) {
    const std::string path = folders.data + "/controller.id";
    if (files::exists(path)) {
        std::string id = TRY(files::read_file(path));
        while (!id.empty() && id.back() == '\n') id.pop_back();
        if (id.empty() || id.size() > 64 || id.find_first_not_of("0123456789abcdef") != std::string::npos)
            return Error{Errc::unavailable,
                         "The file " + path + " does not hold a controller's id; restore or remove it"};
        return id;
    }
    std::string id = crypto::random_id().substr(0, 16);
    TRY(files::replace_file(path, id + "\n", 0600));
    return id;
}

}  // namespace

Result<std::unique_ptr<db::Database>> open_database(const Config& config, const Folders& folders) {
    if (!on_postgresql(config)) return db::open_sqlite(folders.data + "/corral.db");
    const std::string id = TRY(controller_id(folders));
    auto database = TRY(db::open_postgres(config.secret("DATABASE_URL"), id));
    // The session of a predecessor that was killed may live a little longer than itself.
    const SystemClock clock;
    for (const auto end = clock.steady() + predecessor_limit; !TRY(database->claim(db::life_of(id)));) {
        if (clock.steady() > end)
            return Error{Errc::conflict,
                         "Another Corral with this DATABASE_FOLDER, or a copy of it, runs on this database; "
                         "each controller needs a folder of its own"};
        std::this_thread::sleep_for(predecessor_pause);
    }
    return database;
}

Result<files::FileLock> lock_folder(const Config& config, const Folders& folders) {
    if (on_postgresql(config)) return files::FileLock();
    auto lock = files::lock_file(folders.data + "/corral.lock");
    if (!lock && lock.error().code == Errc::conflict)
        return Error{Errc::conflict, "A server runs on the data folder " + folders.data + "; stop it first"};
    return lock;
}

Result<std::unique_ptr<db::Database>> open_database_beside_server(const Config& config, const Folders& folders) {
    if (on_postgresql(config))
        return db::open_postgres(config.secret("DATABASE_URL"), crypto::random_id().substr(0, 16));
    const std::string file = folders.data + "/corral.db";
    if (!files::exists(file))
        return Error{Errc::not_found,
                     "There is no database in " + folders.data + "; name its folder with DATABASE_FOLDER"};
    return db::open_sqlite(file);
}

Result<void> check_key(const Config& config, db::Database& database, const Secret& master_key) {
    if (!on_postgresql(config)) return {};
    const std::string mac = crypto::hmac_sha256(master_key.reveal(), "corral installation");
    const std::string print = crypto::to_hex({reinterpret_cast<const std::uint8_t*>(mac.data()), mac.size()});
    if (TRY(database.write([&](db::Tx& tx) { return store::keep_first(tx, "key", print); })) == print) return {};
    return Error{Errc::invalid,
                 "The secret.key of DATABASE_FOLDER is not the one that this database was made with; copy "
                 "that of the first controller"};
}

}  // namespace corral::app
