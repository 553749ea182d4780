#ifndef DSL_SCHEMA_H
#define DSL_SCHEMA_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/*
 * The manifest's language as one table: what keys there are, what each takes, how a template's
 * and a service's values are joined, where the value goes (dsl/draft.h), and what it means in a
 * sentence. Decoding, merging, complaints and later the JSON Schema and the reference read it.
 */

struct build_spec;

enum schema_type {
	TYPE_IGNORED,   /* looked at elsewhere, if at all; its flags say what it may be */
	TYPE_SHAPE,     /* checked only for what its flags allow (FLAG_SINGLE, ...), and not used */
	TYPE_NODE,      /* kept as it is for the loader: struct yaml_node * */
	TYPE_TEXT,      /* struct text */
	TYPE_BOOL,      /* bool */
	TYPE_EPOCH,     /* seconds: int64_t */
	TYPE_STATUS,    /* HTTP status: uint16_t */
	TYPE_COUNT,     /* 1 to 1000: uint16_t */
	TYPE_SIZE,      /* bytes: uint64_t, and its struct pos at `pos` */
	TYPE_MEMORY,    /* the same as compose writes it: powers of 1024 */
	TYPE_DURATION,  /* milliseconds: uint64_t */
	TYPE_PORT,      /* uint16_t */
	TYPE_PULL,      /* struct pull_policy: compose's pull_policy */
	TYPE_TEXTS,     /* struct texts: a list, or one value */
	TYPE_CSV,       /* struct texts: the same, and a value may hold several, separated by commas */
	TYPE_WORDS,     /* struct texts: a list, or a command line */
	TYPE_COMMANDS,  /* struct texts * and size_t: a list of TYPE_WORDS */
	TYPE_PAIRS,     /* struct pairs: a map, or a list of NAME=value */
	TYPE_ENV,       /* the same; a name alone takes the environment's value */
	TYPE_PAIR,      /* two struct text: a map of one entry */
	TYPE_PORTS,     /* struct port * and size_t: compose's ports */
	TYPE_ENV_FILES, /* struct env_file * and size_t: compose's env_file */
	TYPE_MOUNTS,    /* struct mount * and size_t: compose's volumes of a service */
	TYPE_HOSTS,     /* struct texts of "name:address": compose's extra_hosts */
	TYPE_SECRETS,   /* struct draft_secret * and size_t: what a build asks for */
	TYPE_SOURCES,   /* struct draft_source * and size_t: compose's top-level secrets */
	TYPE_NAMED,     /* an array and size_t: a map of `sub`s by name; with FLAG_LIST also a list of names */
	TYPE_TEST,      /* struct texts: compose's healthcheck.test */
	TYPE_DEPENDS,   /* struct depends * and size_t: compose's depends_on */
	TYPE_PEERS, /* struct depends * and size_t, to which it adds: compose's links, volumes_from, network_mode: service:NAME … */
	TYPE_MAP, /* a struct that begins with its struct pos; `sub` says what is in it */
	SCHEMA_TYPES
};

enum schema_merge {
	MERGE_DEEP,   /* maps by key, lists one after the other, single values replaced */
	MERGE_REPLACE /* the service's value alone */
};

enum schema_flag {
	FLAG_FILLED = 1,   /* must not be empty */
	FLAG_PLATFORM = 2, /* may mention ${platform.*} */
	FLAG_IMAGE = 4,    /* may mention ${image.*} */
	FLAG_REQUIRED = 8,
	FLAG_SINGLE = 16, /* of a TYPE_SHAPE, TYPE_PEERS or TYPE_IGNORED (of a TYPE_NODE: each entry): may be a single value, */
	FLAG_LIST = 32,    /* a list, (of a TYPE_NAMED: of names) */
	FLAG_MAP = 64,     /* a map */
	FLAG_PLAIN = 128,  /* of "build": given to the builder, and exported, as it is written */
	FLAG_OPTION = 256, /* of a FLAG_PLAIN: counts in the build's key */
	FLAG_IDLE = 1024,  /* of a TYPE_SHAPE of a service: it says nothing of how the container runs */
	FLAG_OWN = 512     /* of the manifest or a service: cbuild's word, which compose does not know */
};

struct schema_key {
	const char *name;
	enum schema_type type;
	enum schema_merge merge;
	unsigned flags;
	size_t offset; /* of the value in the struct */
	size_t has;    /* of a bool that says it was given; 0: none */
	size_t pos;    /* of a struct pos for the key's place; 0: none */
	const struct schema *sub;
	const char *const *words; /* the keys of maps in it that no struct stands for, NULL-terminated; or NULL */
	const char *doc;
};

/* The elements of a TYPE_NAMED. */
struct schema_named {
	const char *takes;   /* what a value looks like: "a map of builders" */
	const char *one;     /* as complaints call an entry: "builder" */
	const char *hint;    /* how an entry is written, or NULL */
	size_t size;         /* of the struct */
	size_t name;         /* offset of its struct text that gets the name */
	const void *initial; /* its values where none are given; NULL: zeros */
};

struct schema {
	const char *name;      /* as complaints call it: "build" */
	const char *short_key; /* the key that a single value instead of the map means; or NULL */
	const struct schema_key *keys;
	size_t len;
	const struct schema_named *named; /* of the `sub` of a TYPE_NAMED */
};

extern const struct schema schema_root;    /* fills struct draft */
extern const struct schema schema_service; /* fills struct draft_service */

const struct schema_key *schema_find(const struct schema *schema, const char *name);
/* The key nearest to `name`, or NULL. */
const char *schema_nearest(const struct schema *schema, const char *name);
/* The keys of "build" with FLAG_PLAIN, from NULL to NULL; and the value of one in a build, by its type. */
const struct schema_key *schema_next_plain(const struct schema_key *key);
const void *schema_plain_value(const struct schema_key *key, const struct build_spec *build);
/* What a value of this type looks like, for complaints: "a list of texts". */
const char *schema_type_name(const struct schema_key *key);

#endif
