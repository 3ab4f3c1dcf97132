// Tables of identity. Forward only; numbers 100 to 199.
#pragma once

#include <vector>

#include "platform/db/db.hpp"

namespace corral::identity {

inline std::vector<db::Migration> migrations() {
    return {{100, "identity_accounts", R"sql(
CREATE TABLE claims (
  id TEXT PRIMARY KEY, position BIGINT NOT NULL, claim_group TEXT NOT NULL, resource TEXT NOT NULL, action TEXT NOT NULL,
  description TEXT NOT NULL, internal BOOLEAN NOT NULL);
CREATE TABLE roles (
  id TEXT PRIMARY KEY, position BIGINT NOT NULL, description TEXT NOT NULL, internal BOOLEAN NOT NULL);
CREATE TABLE role_claims (
  role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE, claim_id TEXT NOT NULL REFERENCES claims (id) ON DELETE CASCADE,
  position BIGINT NOT NULL, PRIMARY KEY (role_id, claim_id));
CREATE TABLE users (
  id TEXT PRIMARY KEY, username TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, password_hash TEXT NOT NULL,
  failed_logins BIGINT NOT NULL, locked_until BIGINT, blocked BOOLEAN NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE UNIQUE INDEX users_username ON users (lower(username));
CREATE UNIQUE INDEX users_email ON users (lower(email));
CREATE TABLE user_roles (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, role_id TEXT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  position BIGINT NOT NULL, PRIMARY KEY (user_id, role_id));
CREATE TABLE user_claims (
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, claim_id TEXT NOT NULL REFERENCES claims (id) ON DELETE CASCADE,
  position BIGINT NOT NULL, PRIMARY KEY (user_id, claim_id));
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL, secret_mac TEXT NOT NULL,
  user_id TEXT REFERENCES users (id) ON DELETE CASCADE, revoked BOOLEAN NOT NULL, forwarder BOOLEAN NOT NULL,
  revoked_at BIGINT, expires_at BIGINT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL);
CREATE UNIQUE INDEX api_keys_name ON api_keys (lower(name));
CREATE UNIQUE INDEX api_keys_key ON api_keys (lower(key));
CREATE TABLE revoked_tokens (id TEXT PRIMARY KEY, expires_at BIGINT NOT NULL)
)sql"},
            {101, "identity_lookups", R"sql(
ALTER TABLE users ADD COLUMN token_epoch BIGINT NOT NULL DEFAULT 0;
CREATE INDEX claims_position ON claims (position);
CREATE INDEX roles_position ON roles (position);
CREATE INDEX role_claims_position ON role_claims (position);
CREATE INDEX role_claims_claim ON role_claims (claim_id);
CREATE INDEX user_roles_position ON user_roles (position);
CREATE INDEX user_roles_role ON user_roles (role_id);
CREATE INDEX user_claims_position ON user_claims (position);
CREATE INDEX user_claims_claim ON user_claims (claim_id);
CREATE INDEX api_keys_user ON api_keys (user_id)
)sql"},
            {102, "identity_user_configs", R"sql(
CREATE TABLE user_configs (
  id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE, position BIGINT NOT NULL,
  slug TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL, value TEXT NOT NULL, created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL);
CREATE UNIQUE INDEX user_configs_slug ON user_configs (user_id, lower(slug));
CREATE INDEX user_configs_position ON user_configs (position)
)sql"}};
}

}  // namespace corral::identity
