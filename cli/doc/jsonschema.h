#ifndef CLI_DOC_JSONSCHEMA_H
#define CLI_DOC_JSONSCHEMA_H

struct json;

/* The manifest's language as a JSON Schema (draft-07, which editors read), made from the table in dsl/schema.c. It says
 * what may be written where; what names and values mean to one another only loading tells. json_free it. */
struct json *jsonschema_new(void);

#endif
