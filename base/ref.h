#ifndef BASE_REF_H
#define BASE_REF_H

#include <stdbool.h>

/* Image references, after the grammar of distribution/reference (lower-case repository
 * components, tag of 1 to 128 characters [A-Za-z0-9_][A-Za-z0-9._-]*). */
struct ref {
	char *domain;     /* "docker.io", "ghcr.io", "localhost:5000"; "docker.io" when the name has none */
	char *repository; /* "library/debian": path below the domain */
	char *tag;        /* or NULL */
	char *digest;     /* or NULL */
};

/* Parses and normalises ("debian" -> docker.io/library/debian, no tag added). False when it is not a valid
 * reference; *ret_why (may be NULL) is then a static text that says what is wrong. */
bool ref_parse(const char *s, struct ref *ret, const char **ret_why);
void ref_free(struct ref *ref); /* the strings, not the struct */
bool ref_tag_valid(const char *tag);
/* True when both names mean the same image: equal after normalising, with "latest" for a missing tag. */
bool ref_same(const char *a, const char *b);
/* True for a valid service name: [A-Za-z0-9][A-Za-z0-9._-]*, at most 128 characters. */
bool ref_name_valid(const char *name);

#endif
