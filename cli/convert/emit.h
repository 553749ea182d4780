#ifndef CLI_CONVERT_EMIT_H
#define CLI_CONVERT_EMIT_H

struct buf;
struct json;

/*
 * YAML for people, from a tree: block style, lists of single values in one line when they fit. A member of an object whose
 * name begins with "#" is a comment before what follows (its value, a text; "" is an empty line). Every text is written
 * so that it is read back as the same text, by YAML 1.1 and 1.2.
 */
void emit_yaml(struct buf *out, const struct json *object);

#endif
