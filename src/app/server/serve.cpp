#include "app/server/serve.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "app/server/admin.hpp"
#include "app/server/app.hpp"
#include "app/server/folders.hpp"
#include "app/server/operations.hpp"
#include "base/log.hpp"
#include "drivers/hypervisor/libvirt/reaper.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/files/files.hpp"

namespace corral::app {

namespace {

int fail(const Error& error) {
    std::fprintf(stderr, "corral: %s%s%s\n", error.message.c_str(), error.detail.empty() ? "" : ": ",
                 error.detail.c_str());
    return error.code == Errc::invalid ? 2 : 1;
}

Result<void> configure_log(const Config& config) {
    const auto level = log::level_from_text(config.text("LOG_LEVEL"));
    if (!level) return invalid_field("LOG_LEVEL", "must be debug, info, warn or error");
    log::Options options{.level = *level};
    options.file = log_file(config, TRY(make_folders(config)));
    if (!options.file.empty()) {
        const std::string folder = std::filesystem::path(options.file).parent_path();
        if (auto made = files::make_folders(folder, 0700); !made)
            return Error{Errc::unavailable, "The log's folder " + folder + " cannot be made", made.error().detail};
    }
    log::configure(options);
    return {};
}

int run(const Config& config, const std::vector<std::string>& words) {
    // Before any thread is made, so that all of them leave these signals to sigwait() below.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    crypto::init();
    if (auto done = configure_log(config); !done) return fail(done.error());
    const auto folders = make_folders(config);
    if (!folders) return fail(folders.error());
    auto app = App::open(config);
    if (!app) return fail(app.error());
    auto failed = std::make_shared<std::atomic<bool>>(false);
    (*app)->on_stop_request([failed](bool because_it_failed) {
        *failed = because_it_failed;
        ::kill(::getpid(), SIGTERM);
    });
    (*app)->on_renewal([words] { return Config::load(words); });
    if (auto started = (*app)->start(); !started) return fail(started.error());
    const std::string data = folders->data;
    if (auto noted = note_serving_process(data); !noted)
        log::warn("The process id cannot be noted", {{"why", noted.error().message}});
    log::info("Corral is ready",
              {{"version", std::string(version())},
               {"port", (*app)->port()},
               {"page", "http://127.0.0.1:" + std::to_string((*app)->port()) + "/swagger/index.html"}});
    const bool in_terminal = ::isatty(STDERR_FILENO) != 0;  // whose end is meant by SIGHUP then
    int got = SIGHUP;
    for (;;) {
        sigwait(&signals, &got);
        if (got != SIGHUP || in_terminal) break;
        (*app)->reload();
    }
    log::info("Stopping", {{"signal", got}});
    (*app)->stop();
    forget_serving_process(data);
    log::info("Stopped");
    return *failed ? 1 : 0;
}

}  // namespace

int serve(const std::vector<std::string>& flags) {
    std::vector<std::string> words = flags;
    const bool print = std::erase(words, "--print-config") > 0;
    auto config = Config::load(words);
    if (!config) return fail(config.error());
    if (print) {
        std::fputs(config->print().c_str(), stdout);
        return 0;
    }
    return drivers::libvirt::run_under_reaper([&] { return run(*config, words); });
}

}  // namespace corral::app
