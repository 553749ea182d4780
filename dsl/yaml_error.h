#ifndef DSL_YAML_ERROR_H
#define DSL_YAML_ERROR_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

struct diags;

/* libyaml's report when it gives up. Indices count code points from 0. */
struct yaml_fault {
	const char *problem;
	const char *context;
	size_t index;
	size_t context_index;
	bool reader; /* the bytes are at fault: `offset` (bytes) and `value` say which */
	size_t offset;
	int value;
};

/* Complains in plain words, at the place that most likely has to change. */
void yaml_complain(struct diags *diags, uint32_t file, const char *text, size_t len, const struct yaml_fault *fault);
#define YAML_DIRECTIVES_MAX 64 /* "%TAG" and the like */

/* Complains when the text is not valid UTF-8, contains NUL or has too many directives; true if so. */
bool yaml_bytes_complain(struct diags *diags, uint32_t file, const char *text, size_t len);

#endif
