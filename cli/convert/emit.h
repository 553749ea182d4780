#ifndef CLI_CONVERT_EMIT_H
#define CLI_CONVERT_EMIT_H

struct buf;
struct json;

/*
 * Writes a tree as YAML for people: block style, lists of single values in one line if they fit. A member whose name
 * begins with "#" is a comment before the next one (its value, a text; "" is an empty line). Every text is written so
 * that both YAML 1.1 and 1.2 read the same text.
 */
void emit_yaml(struct buf *out, const struct json *object);

#endif
