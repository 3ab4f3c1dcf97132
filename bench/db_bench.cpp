// db_bench PATH-or-URL CLIENTS SECONDS   durable single inserts through the database seam: each client's next write
// begins when its last was answered. Prints JSON. Fails when a write that was answered is not there.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "platform/db/db.hpp"

namespace {

using namespace corral;
using Steady = std::chrono::steady_clock;

std::unique_ptr<db::Database> open(const std::string& where) {
    auto opened = where.starts_with("postgresql:") ? db::open_postgres(Secret(where), "be") : db::open_sqlite(where);
    if (!opened) {
        std::fprintf(stderr, "%s: %s\n", opened.error().message.c_str(), opened.error().detail.c_str());
        std::exit(1);
    }
    return std::move(*opened);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const int clients = std::atoi(argv[2]);
    const auto length = std::chrono::seconds{std::atoi(argv[3])};
    auto database = open(argv[1]);
    if (!database->migrate({{1, "bench", "CREATE TABLE rows (id TEXT PRIMARY KEY, description TEXT NOT NULL)"}}))
        return 1;
    const auto count = [&] {
        return database->read([](db::Tx& tx) { return tx.one<std::int64_t>("SELECT COUNT(*) FROM rows"); })
            .value()
            .value();
    };
    const auto before = count();
    std::vector<std::vector<double>> took(static_cast<std::size_t>(clients));
    const auto begin = Steady::now();
    {
        std::vector<std::jthread> threads;
        for (int c = 0; c < clients; ++c)
            threads.emplace_back([&, c] {
                auto& mine = took[static_cast<std::size_t>(c)];
                const std::string prefix =
                    std::to_string(begin.time_since_epoch().count()) + "-" + std::to_string(c) + "-";
                for (auto now = Steady::now(); now - begin < length;) {
                    const std::string id = prefix + std::to_string(mine.size());
                    if (!database->write(
                            [&](db::Tx& tx) { tx.exec("INSERT INTO rows (id, description) VALUES (:1, :2)", id, ""); }))
                        std::exit(1);
                    const auto done = Steady::now();
                    mine.push_back(std::chrono::duration<double, std::milli>(done - now).count());
                    now = done;
                }
            });
    }
    const double seconds = std::chrono::duration<double>(Steady::now() - begin).count();
    std::vector<double> all;
    for (const auto& mine : took) all.insert(all.end(), mine.begin(), mine.end());
    std::ranges::sort(all);
    if (count() - before != static_cast<std::int64_t>(all.size())) {
        std::fprintf(stderr, "%zu were answered, %ld are there\n", all.size(), static_cast<long>(count() - before));
        return 1;
    }
    std::printf("{\"rate\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", static_cast<double>(all.size()) / seconds,
                all[all.size() / 2], all[all.size() * 99 / 100]);
}
