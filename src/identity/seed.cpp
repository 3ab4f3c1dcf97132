#include "identity/seed.hpp"

#include "identity/accounts/store.hpp"
#include "platform/crypto/crypto.hpp"

namespace corral::identity {

Result<std::optional<Secret>> seed(db::Database& database, Directory& directory, const Clock& clock,
                                   const Secret& root_password) {
    if (root_password.reveal().size() > password_limit)
        return invalid_field("ROOT_PASSWORD", "may have at most 40 bytes");
    TRY(directory.reload());
    const AccountPtr before = directory.root();
    std::optional<Secret> made;
    std::string hash;
    if (before == nullptr) {
        if (root_password.empty()) made = Secret(crypto::random_alphanumeric(32));
        hash = TRY(crypto::hash_password(made ? *made : root_password));
    } else if (!root_password.empty() &&
               !crypto::verify_password(before->user.password_hash, root_password, before->user.id.substr(0, 32))) {
        hash = TRY(crypto::hash_password(root_password));
    }
    TRY(database.write([&](db::Tx& tx) {
        // Looked up again here: another controller on the same database may be starting too.
        for (const SeedClaim& c : seed_claims())
            if (!store::claim(tx, std::string(c.name)))
                store::insert_claim(tx, {std::string(c.name), std::string(c.group), std::string(c.resource),
                                         std::string(c.action), std::string(c.description), true});
        const auto seed_role = [&](const char* id, const char* text, bool internal, bool SeedClaim::* given) {
            if (!store::role(tx, id)) store::insert_role(tx, {id, text, internal, {}});
            for (const SeedClaim& c : seed_claims())
                if (c.*given) store::grant_to_role(tx, id, std::string(c.name));
        };
        seed_role("USER", "Sees machines and the catalog, keeps its own jobs, keys and catalog managers", false,
                  &SeedClaim::for_users);
        seed_role("ADMIN", "Runs the whole service", false, &SeedClaim::for_admins);
        seed_role("SUPER_USER", "Passes every check", true, &SeedClaim::for_admins);
        User root;
        if (const auto id = store::user_called(tx, std::string(root_username), "")) {
            root = store::user(tx, *id).value_or(User{});
            if (!before) {
                made.reset();  // somebody else was first, and has shown its password
            } else if (!hash.empty()) {
                root.password_hash = hash;
                root.updated_at = clock.now();
                ++root.token_epoch;
                store::update_user(tx, root);
            }
        } else {
            root = {.id = crypto::random_id(),
                    .username = std::string(root_username),
                    .name = "Root",
                    .email = "root@localhost",
                    .password_hash = hash,
                    .created_at = clock.now(),
                    .updated_at = clock.now()};
            store::insert_user(tx, root);
        }
        store::grant_role(tx, root.id, std::string(super_user_role));
        for (const Claim& c : store::claims(tx)) store::grant_claim(tx, root.id, c.id);
    }));
    TRY(directory.reload());
    return made;
}

}  // namespace corral::identity
