#ifndef DSL_SCHEMA_H
#define DSL_SCHEMA_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

/*
 * The manifest's language as one table: which keys there are, what each takes, how a template's and a service's values
 * are merged, where the value goes (dsl/draft.h), and what it means in a sentence. Decoding, merging, complaints, the
 * JSON Schema and the reference are driven by it.
 */

struct build_spec;
struct service;

enum schema_type {
	TYPE_IGNORED,   /* handled elsewhere, if at all; its flags say which shapes are allowed */
	TYPE_SHAPE,     /* only the shape is checked (FLAG_SINGLE, ...); the value is not used */
	TYPE_NODE,      /* kept as a struct yaml_node for the loader */
	TYPE_TEXT,      /* struct text */
	TYPE_BOOL,      /* bool */
	TYPE_EPOCH,     /* seconds: int64_t */
	TYPE_STATUS,    /* HTTP status: uint16_t */
	TYPE_COUNT,     /* 1 to 1000, with FLAG_ZERO 0 to 65535: uint16_t */
	TYPE_SIZE,      /* bytes: uint64_t, and its struct pos at `pos` */
	TYPE_MEMORY,    /* the same with compose's units: powers of 1024 */
	TYPE_DURATION,  /* milliseconds: uint64_t */
	TYPE_PORT,      /* uint16_t */
	TYPE_PULL,      /* struct pull_policy: compose's pull_policy */
	TYPE_INDEX,     /* bool: "never" */
	TYPE_MEDIA,     /* bool: "docker" */
	TYPE_REVISION,  /* bool: "every" */
	TYPE_SCHEME,    /* bool: "https" */
	TYPE_TEXTS,     /* struct texts: a list, or a single value */
	TYPE_CSV,       /* struct texts: the same, and a value may be several, separated by commas */
	TYPE_WORDS,     /* struct texts: a list, or a command line */
	TYPE_COMMANDS,  /* struct texts * and size_t: a list of TYPE_WORDS */
	TYPE_PAIRS,     /* struct pairs: a map, or a list of NAME=value */
	TYPE_ENV,       /* the same; a name without a value takes the environment's */
	TYPE_PAIR,      /* two struct text: a map of one entry */
	TYPE_PORTS,     /* struct port * and size_t: compose's ports */
	TYPE_ENV_FILES, /* struct env_file * and size_t: compose's env_file */
	TYPE_MOUNTS,    /* struct mount * and size_t: compose's volumes of a service */
	TYPE_HOSTS,     /* struct texts of "name:address": compose's extra_hosts */
	TYPE_ULIMITS,   /* struct texts of "name=soft:hard": compose's ulimits */
	TYPE_SECRETS,   /* struct draft_secret * and size_t: the secrets that a build uses */
	TYPE_OUTPUTS,   /* struct build_output * and size_t: what a build makes */
	TYPE_SOURCES,   /* struct draft_source * and size_t: compose's top-level secrets */
	TYPE_NAMED,     /* an array and size_t: a map of `sub`s by name; with FLAG_LIST also a list of names */
	TYPE_ITEMS,     /* an array and size_t: a list of `sub`s, each a struct that begins with its struct pos */
	TYPE_TEST,      /* struct texts: compose's healthcheck.test */
	TYPE_DEPENDS,   /* struct depends * and size_t: compose's depends_on */
	TYPE_DEVICES,   /* struct texts of "source:target:permissions": compose's devices */
	TYPE_NETWORKS,  /* struct texts, to which it adds aliases: compose's networks of a service */
	TYPE_PEERS, /* struct depends * and size_t, to which it adds: compose's links, volumes_from, network_mode: service:NAME … */
	TYPE_MAP, /* a struct that begins with its struct pos; `sub` says what is in it */
	SCHEMA_TYPES
};

enum schema_merge {
	MERGE_DEEP,   /* maps by key, lists appended, single values replaced */
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
	FLAG_PLAIN = 128,  /* in "build": passed to the builder and exported as written */
	FLAG_OPTION = 256, /* with FLAG_PLAIN: part of the build's key */
	FLAG_IDLE = 1024,  /* of a TYPE_SHAPE of a service: has no effect on how the container runs */
	FLAG_ZERO = 2048,  /* of a TYPE_COUNT or TYPE_DURATION: may be 0 */
	FLAG_RUN = 4096,   /* of a service: an option of the container, service_settings passes it on */
	FLAG_OWN = 512     /* of the manifest or a service: cbuild's own key, unknown to compose */
};

struct schema_key {
	const char *name;
	enum schema_type type;
	enum schema_merge merge;
	unsigned flags;
	size_t offset; /* of the value in the struct */
	size_t has;    /* of a bool that is set when it is given; 0: none */
	size_t pos;    /* of a struct pos for the key's position; 0: none */
	const struct schema *sub;
	const char *const *words;  /* keys of maps in it that are not decoded into a struct, NULL-terminated; or NULL */
	const char *const *values; /* the texts that it takes, for editors; NULL ones are skipped; or NULL: any */
	size_t values_len;
	const char *doc;
};

/* The elements of a TYPE_NAMED or TYPE_ITEMS; of the latter only `takes`, `one` and `size`. */
struct schema_named {
	const char *takes;   /* what a value looks like: "a map of builders" */
	const char *one;     /* an entry, in complaints: "builder" */
	const char *hint;    /* how an entry is written, or NULL */
	size_t size;         /* of the struct */
	size_t name;         /* offset of the struct text for the name */
	const void *initial; /* initial values of the struct; NULL: zeros */
};

struct schema {
	const char *name;      /* for complaints: "build" */
	const char *short_key; /* the key that a single value in place of the map sets; or NULL */
	const struct schema_key *keys;
	size_t len;
	const struct schema_named *named; /* for the `sub` of a TYPE_NAMED or TYPE_ITEMS */
};

extern const struct schema schema_root;    /* fills struct draft */
extern const struct schema schema_service; /* fills struct draft_service */

const struct schema_key *schema_find(const struct schema *schema, const char *name);
/* The key most similar to `name`, or NULL. */
const char *schema_nearest(const struct schema *schema, const char *name);
/* Iterates over the keys of "build" with FLAG_PLAIN (starts and ends with NULL); and the value of such a key in a
 * build, by its type. */
const struct schema_key *schema_next_plain(const struct schema_key *key);
/* The same for the keys of a service with FLAG_RUN. */
const struct schema_key *schema_next_run(const struct schema_key *key);
const void *schema_run_value(const struct schema_key *key, const struct service *service);
const void *schema_plain_value(const struct schema_key *key, const struct build_spec *build);
/* Whether a list in place of the map is a command: the value of short_key. */
bool schema_short_words(const struct schema *schema);
/* What a value of this type looks like, for complaints: "a list of texts". */
const char *schema_type_name(const struct schema_key *key);

#endif
