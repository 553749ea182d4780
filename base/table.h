#ifndef BASE_TABLE_H
#define BASE_TABLE_H

/* Checks at compile time that a table indexed by an enum has an entry for each of its `count` enumerators. A short
 * table lists them in the enum's order without designators, which could leave a gap unnoticed. */
#define TABLE_COMPLETE(table, count) \
	_Static_assert(sizeof(table) / sizeof((table)[0]) == (count), #table ": one entry for each enumerator")

/* A long table is a macro of rows, ROW(ENUMERATOR, value), filled in by ROWS(TABLE_ROW). */
#define TABLE_ROW(key, ...) [key] = __VA_ARGS__,
#define TABLE_BIT(key, ...) +(1ull << (key))
#define TABLE_ROWS_COMPLETE(rows, count) \
	_Static_assert((0 rows(TABLE_BIT)) == (1ull << (count)) - 1, #rows ": one row for each enumerator")

#endif
