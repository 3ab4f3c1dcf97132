// A PostgreSQL server of the test program's own (Debian's package), on a socket in a temporary folder, with fsync on.
// It is started when first asked for and ends with the program, however that ends.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/temp_folder.hpp"
#include "support/results.hpp"

namespace corral::testing_support {

class PostgresServer {
public:
    // The one of this program. Its default collation and case rules are ICU's, far from SQLite's, on purpose.
    static PostgresServer& shared() {
        static PostgresServer server;
        return server;
    }
    PostgresServer() {
        if (::chmod(folder_.path().c_str(), 0700) != 0) throw std::runtime_error("chmod");
        if (::geteuid() == 0) {  // it refuses to run as root
            account_ = ::getpwnam("postgres");
            if (account_ == nullptr || ::chown(folder_.path().c_str(), account_->pw_uid, account_->pw_gid) != 0)
                throw std::runtime_error("there is no account postgres");
        }
        int status = 0;
        const pid_t made = launch({"initdb", "--pgdata", data_, "--username=corral", "--auth=trust", "--encoding=UTF8",
                                   "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync"});
        if (::waitpid(made, &status, 0) != made || status != 0) throw std::runtime_error("initdb failed:\n" + log());
        start();
    }
    ~PostgresServer() { stop(SIGINT); }
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    void start() {
        pid_ = launch({"postgres", "-D", data_, "-k", folder_.path(), "-c", "listen_addresses=", "-c",
                       "max_connections=200", "-c", "shared_buffers=32MB", "-c", "max_wal_size=256MB"});
        if (!eventually([&] {
                return PQping(("host=" + folder_.path() + " dbname=postgres user=corral").c_str()) == PQPING_OK;
            }))
            throw std::runtime_error("PostgreSQL does not start:\n" + log());
    }
    // SIGINT ends its sessions and shuts down; SIGQUIT crashes it; SIGTERM waits for the sessions.
    void stop(int signal = SIGINT) {
        if (pid_ <= 0) return;
        ::kill(pid_, signal);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        pid_ = 0;
    }
    // Stands still, as a server behind a network that swallows everything does; then goes on.
    void pause() const { signal_sessions(SIGSTOP); }
    void resume() const { signal_sessions(SIGCONT); }

    // A database of its own for each name: a schema, which costs a tenth of what CREATE DATABASE does.
    std::string url(const std::string& name) {
        const std::string schema = "t" + std::to_string(std::hash<std::string>{}(name));
        sql("CREATE SCHEMA IF NOT EXISTS " + schema);
        return "postgresql://corral:unused-password@/postgres?host=" + folder_.path() + "&options=-csearch_path%3D" +
               schema;
    }
    // As the server's owner; the first column of the rows.
    std::vector<std::string> sql(const std::string& text) const {
        const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(
            PQconnectdb(("host=" + folder_.path() + " dbname=postgres user=corral").c_str()), &PQfinish);
        PQsetNoticeProcessor(connection.get(), [](void*, const char*) {}, nullptr);
        const std::unique_ptr<PGresult, decltype(&PQclear)> rows(PQexec(connection.get(), text.c_str()), &PQclear);
        const auto status = PQresultStatus(rows.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            throw std::runtime_error(text + ": " + PQerrorMessage(connection.get()));
        std::vector<std::string> out;
        for (int i = 0; i < PQntuples(rows.get()); ++i) out.emplace_back(PQgetvalue(rows.get(), i, 0));
        return out;
    }
    // Cuts every session but the one that says so.
    void cut_sessions() const {
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'corral'");
    }
    [[nodiscard]] std::string log() const {
        std::ifstream in(log_);
        return {std::istreambuf_iterator<char>(in), {}};
    }

private:
    void signal_sessions(int signal) const {
        std::ifstream children("/proc/" + std::to_string(pid_) + "/task/" + std::to_string(pid_) + "/children");
        for (pid_t child = 0; children >> child;) ::kill(child, signal);
    }
    static std::string program(const std::string& name) {
        std::vector<std::string> found;  // one folder a version
        for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql"))
            if (const auto path = version.path() / "bin" / name; std::filesystem::exists(path))
                found.push_back(path.string());
        if (found.empty()) throw std::runtime_error("PostgreSQL's server is not installed: tools/packages.txt");
        return *std::ranges::max_element(found);
    }
    pid_t launch(std::vector<std::string> words) {
        words.front() = program(words.front());
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const pid_t parent = ::getpid();
        const pid_t child = ::fork();
        if (child < 0) throw std::runtime_error("fork");
        if (child > 0) return child;
        ::setpgid(0, 0);
        if (account_ != nullptr && (::setgid(account_->pw_gid) != 0 || ::setuid(account_->pw_uid) != 0)) ::_exit(126);
        ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // after setuid, which clears it
        if (::getppid() != parent || ::chdir("/") != 0) ::_exit(126);
        const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        if (log < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) ::_exit(126);
        ::execv(argv.front(), argv.data());
        ::_exit(127);
    }

    TempFolder folder_;
    const std::string data_ = folder_ / "data";
    const std::string log_ = folder_ / "log";
    const passwd* account_ = nullptr;
    pid_t pid_ = 0;
};

}  // namespace corral::testing_support
