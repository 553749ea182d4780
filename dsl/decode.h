#ifndef DSL_DECODE_H
#define DSL_DECODE_H

#include <stddef.h>
#include <stdbool.h>

struct arena;
struct diags;
struct yaml_node;
struct schema;
struct schema_key;
struct scope;
struct text;
struct texts;

/* Turns interpolated and merged nodes into typed values, by the schema. Complaints go to `diags`; a faulty value is
 * left out, and the rest is still decoded. */
struct decode {
	struct arena *arena;
	struct diags *diags;
	struct scope *scope; /* for a name without a value */
};

/* The most ports that one service may list. */
#define DECODE_PORTS_MAX 256

/* Fills the struct at `out` from a map, or from the single value that means its short key. */
void decode_map(struct decode *d, const struct schema *schema, const struct yaml_node *node, void *out);

/* Helpers for the decoders; they return false after a complaint. `key` is the key being decoded. */
bool decode_text(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct text *ret);
bool decode_texts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret);
/* One value may hold several, separated by commas. */
void decode_csv(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret);
void decode_words(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret);
void decode_commands(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
/* Stores an array at `out`: the pointer, followed by its length. */
void decode_put_array(void *out, const void *items, size_t len);
void decode_wrong_type(struct decode *d, const struct schema_key *key, const struct yaml_node *node);
/* Complains about keys of a map that are not among the key's words. `what`: "a port". */
void decode_known(struct decode *d, const struct schema_key *key, const struct yaml_node *map, const char *what);
/* Single values, and compose's own notations (decode_value.c, decode_compose.c). */
void decode_value(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at);
void decode_pairs(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_pair(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_ports(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_mounts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_env_files(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_ulimits(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_hosts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_secrets(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_outputs(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_sources(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_test(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_devices(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_networks(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_peers(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);
void decode_depends(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out);

#endif
