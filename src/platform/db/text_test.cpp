#include "platform/db/text.hpp"

#include <gtest/gtest.h>

namespace corral::db {
namespace {

TEST(ToPostgres, placeholders_become_numbers_outside_of_literals_names_and_comments) {
    EXPECT_EQ(to_postgres("SELECT a FROM t WHERE a = :1 AND b IN (:2,:10)"),
              "SELECT a FROM t WHERE a = $1 AND b IN ($2,$10)");
    for (const char* same :
         {"SELECT ':1 ''lower(:2)'' ' || 'x'", "SELECT \":1\" FROM \"lower(\"", "-- :1 lower(x)\nSELECT 1",
          "/* :1 */ SELECT 1", "SELECT a::text, '12:30', x :y", "", "'", "/*"})
        EXPECT_EQ(to_postgres(same), same);
}

TEST(ToPostgres, letter_case_and_order_are_those_of_bytes) {
    EXPECT_EQ(to_postgres("WHERE lower(a) = LOWER(:1)"), "WHERE lower(a COLLATE \"C\") = LOWER($1 COLLATE \"C\")");
    EXPECT_EQ(to_postgres("lower(trim(upper(a), 'x)'))"), "lower(trim(upper(a COLLATE \"C\"), 'x)') COLLATE \"C\")");
    EXPECT_EQ(to_postgres("SELECT follower(a), lower, text FROM t"), "SELECT follower(a), lower, text FROM t");
    EXPECT_EQ(to_postgres("\nCREATE TABLE t (id TEXT PRIMARY KEY, context text NOT NULL)"),
              "\nCREATE TABLE t (id TEXT COLLATE \"C\" PRIMARY KEY, context text COLLATE \"C\" NOT NULL)");
    EXPECT_EQ(to_postgres("ALTER TABLE t ADD COLUMN x TEXT NOT NULL DEFAULT 'TEXT'"),
              "ALTER TABLE t ADD COLUMN x TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT'");
    EXPECT_EQ(to_postgres("CREATE UNIQUE INDEX i ON t (lower(a), b)"),
              "CREATE UNIQUE INDEX i ON t (lower(a COLLATE \"C\"), b)");
}

TEST(StorableText, is_what_postgresql_takes) {
    using namespace std::string_literals;
    for (const std::string& good : {""s, "plain"s, "é€𝄞"s, "\x01\x7f"s, "\xf4\x8f\xbf\xbf"s, "\xee\x80\x80"s})
        EXPECT_TRUE(storable_text(good)) << good;
    for (const std::string& bad :
         {"\0"s, "a\0"s, "\x80"s, "\xc1\x81"s, "\xe0\x80\x80"s, "\xed\xbf\xbf"s, "\xf0\x80\x80\x80"s,
          "\xf4\x90\x80\x80"s, "\xf5\x80\x80\x80"s, "\xe2\x82"s, "\xe2"s, "\xc3x"s})
        EXPECT_FALSE(storable_text(bad));
}

}  // namespace
}  // namespace corral::db
