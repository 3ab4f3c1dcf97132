#include "app/cli/admin_commands.hpp"

#include <cstdio>

#include "app/cli/session.hpp"
#include "app/server/admin.hpp"
#include "platform/crypto/crypto.hpp"
#include "platform/crypto/pem_keys.hpp"
#include "platform/files/files.hpp"

namespace corral::cli {

int update_root_password(const std::vector<std::string>& flags, Secret password) {
    auto config = app::Config::load(flags);
    if (!config) return report(config.error());
    if (password.empty()) {
        auto asked = ask_password("New password of root: ");
        if (!asked) return report(asked.error());
        password = std::move(*asked);
    }
    crypto::init();
    if (auto done = app::set_root_password(*config, password); !done) return report(done.error());
    std::puts("The password of root is set; earlier tokens of root are void");
    return ok;
}

int make_private_key(const PrivateKeyOptions& options) {
    if (!options.overwrite && files::exists(options.file))
        return report(Error{Errc::conflict, options.file + " is there already; --force replaces it"});
    if (options.type != "rsa" && options.type != "ec") return report(invalid_field("--type", "must be rsa or ec"));
    const auto key = options.type == "ec" ? crypto::new_ec_key() : crypto::new_rsa_key(options.bits);
    if (!key) return report(key.error());
    if (auto written = files::replace_file(options.file, key->reveal(), 0600); !written) return report(written.error());
    std::printf("%s holds a new private key.\nConfiguration wants it in one line:  base64 -w0 %s\n",
                options.file.c_str(), options.file.c_str());
    return ok;
}

}  // namespace corral::cli
