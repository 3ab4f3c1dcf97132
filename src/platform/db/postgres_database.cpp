// open_postgres(): group commit over PostgreSQL, with the watch that ties the processes of one database together.
#include "base/log.hpp"
#include "platform/db/database.hpp"
#include "platform/db/postgres_watch.hpp"

namespace corral::db {

namespace {

// Requests and jobs that read at one moment; PostgreSQL takes a hundred connections unless told otherwise.
constexpr std::size_t readers = 16;

class PostgresDatabase final : public GroupCommitDatabase {
public:
    PostgresDatabase(const PostgresSettings& settings, std::unique_ptr<PostgresWatch> watch)
        : GroupCommitDatabase([settings](bool writer) { return open_postgres_connection(settings, writer); }, readers),
          controller_(settings.controller),
          watch_(std::move(watch)) {}
    ~PostgresDatabase() override {
        stop();  // its last hooks may still ask the watch for something
    }
    std::unique_ptr<Listening> listen(std::string topic, std::function<void()> changed) override {
        return watch_->listen(std::move(topic), std::move(changed));
    }
    [[nodiscard]] const std::string& controller() const override { return controller_; }
    Result<bool> claim(const std::string& name) override { return watch_->claim(name); }
    Result<bool> claimed(const std::string& name) override {
        return read([&](Tx& tx) {
            return tx
                .one<bool>(
                    "SELECT COUNT(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted "
                    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
                    "AND (classid::bigint << 32 | objid::bigint) = " +
                    postgres_lock_key(name))
                .value_or(false);
        });
    }

private:
    std::string controller_;
    std::unique_ptr<PostgresWatch> watch_;
};

// What an operator has to know about a server that may lose what it acknowledged.
void warn_of_settings(Database& database) {
    const auto risky = database.read([](Tx& tx) {
        return tx.all<std::string>(
            "SELECT name FROM pg_settings WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'");
    });
    if (!risky) return;
    for (const std::string& name : *risky)
        log::warn("PostgreSQL is set to lose committed data in a crash", {{"setting", name + " = off"}});
}

}  // namespace

Result<std::unique_ptr<Database>> open_postgres(const Secret& url, const std::string& controller) {
    if (controller.empty() || controller.find_first_not_of("0123456789abcdef") != std::string::npos)
        return Error{Errc::internal, "A controller's name is made of hex digits"};
    PostgresSettings settings{.place = TRY(PostgresPlace::parse(url)), .controller = controller, .doubted = {}};
    try {
        auto watch = std::make_unique<PostgresWatch>(settings.place, controller);
        settings.doubted = [w = watch.get()] { w->missed(); };
        auto database = std::make_unique<PostgresDatabase>(settings, std::move(watch));
        warn_of_settings(*database);
        return std::unique_ptr<Database>(std::move(database));
    } catch (const Failure& failure) {
        return Error{Errc::unavailable, "The PostgreSQL database cannot be opened", failure.what()};
    }
}

}  // namespace corral::db
