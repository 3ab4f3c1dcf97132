#include "app/server/serve.hpp"

#include <signal.h>

#include <algorithm>
#include <cstdio>

#include "app/server/app.hpp"
#include "app/server/folders.hpp"
#include "base/log.hpp"
#include "drivers/hypervisor/libvirt/reaper.hpp"
#include "platform/crypto/crypto.hpp"

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
    if (config.boolean("LOG_TO_FILE")) {
        std::string folder = config.text("LOG_FILE_PATH");
        if (folder.empty()) folder = TRY(make_folders(config)).data + "/logs";
        options.file = folder + "/corral.log";
    }
    log::configure(options);
    return {};
}

int run(const Config& config) {
    // Before any thread is made, so that all of them leave these signals to sigwait() below.
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    crypto::init();
    if (auto done = configure_log(config); !done) return fail(done.error());
    auto app = App::open(config);
    if (!app) return fail(app.error());
    if (auto started = (*app)->start(); !started) return fail(started.error());
    log::info("Corral is ready",
              {{"version", std::string(version())},
               {"port", (*app)->port()},
               {"page", "http://127.0.0.1:" + std::to_string((*app)->port()) + "/swagger/index.html"}});
    int got = 0;
    sigwait(&signals, &got);
    log::info("Stopping", {{"signal", got}});
    (*app)->stop();
    return 0;
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
    return drivers::libvirt::run_under_reaper([&] { return run(*config); });
}

}  // namespace corral::app
