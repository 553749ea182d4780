#ifndef CLI_DOC_JSONSCHEMA_H
#define CLI_DOC_JSONSCHEMA_H

struct json;

/* The manifest's language as a JSON Schema (draft-07, which editors read), generated from the table in
 * dsl/schema.c. It describes the form; whether names and values fit together is checked only on loading. json_free
 * it. */
struct json *jsonschema_new(void);

#endif
