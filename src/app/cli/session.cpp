#include "app/cli/session.hpp"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "platform/files/files.hpp"
#include "platform/json/json.hpp"

namespace corral::cli {

namespace {

// The CLI is one thread when it reads these.
std::string env(const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? "" : value;
}

struct Kept {
    std::string url, token, api_key;
};
constexpr auto json_object(const Kept*) {
    return json::object("Session", json::field("url", &Kept::url), json::omit("token", &Kept::token),
                        json::omit("api_key", &Kept::api_key));
}

std::string without_slash(std::string url) {
    while (url.ends_with('/')) url.pop_back();
    return url;
}

}  // namespace

std::string session_file() {
    std::string folder = env("XDG_CONFIG_HOME");
    if (folder.empty()) folder = env("HOME") + "/.config";
    return folder + "/corral/session.json";
}

Result<Session> load_session(const std::string& url_flag) {
    Session session{.url = url_flag.empty() ? env("CORRAL_URL") : url_flag,
                    .token = Secret(env("CORRAL_TOKEN")),
                    .api_key = Secret(env("CORRAL_API_KEY"))};
    if (auto text = files::read_file(session_file())) {
        const Kept kept = TRY(json::read<Kept>(*text));
        // Credentials kept for one server are never sent to another.
        if (session.url.empty() || without_slash(session.url) == kept.url) {
            session.url = kept.url;
            if (session.token.empty() && session.api_key.empty()) {
                session.token = Secret(kept.token);
                session.api_key = Secret(kept.api_key);
            }
        }
    }
    session.url = without_slash(session.url.empty() ? "http://127.0.0.1:3080" : session.url);
    if (session.token.empty() && session.api_key.empty())
        return Error{Errc::unauthenticated, "Not signed in to " + session.url + "; run `corral login " + session.url +
                                                "` or set CORRAL_API_KEY"};
    return session;
}

Result<void> save_session(const Session& session) {
    const std::string path = session_file();
    TRY(files::make_folders(std::filesystem::path(path).parent_path().string(), 0700));
    return files::replace_file(path, json::write(Kept{session.url, session.token.reveal(), session.api_key.reveal()}),
                               0600);
}

Result<void> forget_session() {
    std::error_code error;
    std::filesystem::remove(session_file(), error);
    if (error) return Error{Errc::internal, "The session file cannot be removed", error.message()};
    return {};
}

Result<Secret> ask_password(const std::string& prompt) {
    if (std::string given = env("CORRAL_PASSWORD"); !given.empty()) return Secret(std::move(given));
    const bool terminal = isatty(STDIN_FILENO) != 0;
    termios before{};
    if (terminal) {
        std::fputs(prompt.c_str(), stderr);
        tcgetattr(STDIN_FILENO, &before);
        termios silent = before;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    std::string line;
    const bool got = static_cast<bool>(std::getline(std::cin, line));
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        std::fputs("\n", stderr);
    }
    if (!got || line.empty())
        return Error{Errc::invalid, "A password is needed: type it, pipe it in, or set CORRAL_PASSWORD"};
    return Secret(std::move(line));
}

}  // namespace corral::cli
