// What the engines have to agree on about text (docs/adr/0005). Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace corral::db {

// Well-formed UTF-8 without NUL: what PostgreSQL stores as text, and SQLite is held to.
bool storable_text(std::string_view text);

// A statement of the common subset in PostgreSQL's words. `:1` becomes `$1`; columns are declared, and lower() works,
// in collation "C", so that order and letter case are those of SQLite (bytes; A to Z) whatever the database was made
// with. Literals, quoted names and comments stay as they are.
std::string to_postgres(std::string_view sql);

}  // namespace corral::db
