#include "config.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/pattern.h"

#define MATCH_STEPS 1000000 /* a pattern that needs more is considered a runaway */
#define MATCH_HEAP 65536    /* KiB */

#define FUNCTIONS(X)                    \
	X(pcre2_compile_8)              \
	X(pcre2_code_free_8)            \
	X(pcre2_get_error_message_8)    \
	X(pcre2_get_ovector_pointer_8)  \
	X(pcre2_match_8)                \
	X(pcre2_match_context_create_8) \
	X(pcre2_match_context_free_8)   \
	X(pcre2_match_data_create_8)    \
	X(pcre2_match_data_free_8)      \
	X(pcre2_pattern_info_8)         \
	X(pcre2_set_heap_limit_8)       \
	X(pcre2_set_match_limit_8)

#define MODULE pcre
static struct {
	MODULE_STATE(FUNCTIONS)
} pcre = MODULE_INIT;

struct pattern {
	pcre2_code_8 *code;
	pcre2_match_context_8 *limits;
};

static void pattern_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBPCRE2, symbols, &pcre.error);
}

static void pattern_describe(int code, char *out, size_t size)
{
	out[0] = '\0';
	pcre.pcre2_get_error_message_8(code, (PCRE2_UCHAR8 *)out, size);
}

static int pattern_compile(const char *regex, uint32_t flags, struct pattern **ret, struct error **err)
{
	struct pattern *pattern;
	pcre2_code_8 *code;
	PCRE2_SIZE offset = 0;
	int number = 0;
	char why[160];

	pthread_once(&pcre.once, pattern_load);
	if (pcre.error)
		return error_copy(err, pcre.error);
	code = pcre.pcre2_compile_8((PCRE2_SPTR8)regex, PCRE2_ZERO_TERMINATED, flags, &number, &offset, NULL);
	if (!code) {
		pattern_describe(number, why, sizeof(why));
		return error_make(err, ERROR_USAGE, "malformed pattern '%s' at offset %zu: %s", regex, (size_t)offset,
				  why);
	}
	pattern = mem_alloc(sizeof(*pattern));
	pattern->code = code;
	pattern->limits = pcre.pcre2_match_context_create_8(NULL);
	if (!pattern->limits)
		mem_exhausted();
	pcre.pcre2_set_match_limit_8(pattern->limits, MATCH_STEPS);
	pcre.pcre2_set_heap_limit_8(pattern->limits, MATCH_HEAP);
	*ret = pattern;
	return 0;
}

int pattern_new(const char *regex, struct pattern **ret, struct error **err)
{
	return pattern_compile(regex, PCRE2_NEVER_UTF, ret, err);
}

int pattern_new_text(const char *regex, struct pattern **ret, struct error **err)
{
	return pattern_compile(regex, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, ret, err);
}

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre.pcre2_match_context_free_8(pattern->limits);
	pcre.pcre2_code_free_8(pattern->code);
	free(pattern);
}

/* As pattern_find. `match` has room for the groups. */
static int match_from(const struct pattern *pattern, const char *data, size_t len, size_t start,
		      pcre2_match_data_8 *match, struct error **err)
{
	char why[160];
	int result;

	if (!match)
		mem_exhausted();
	result = pcre.pcre2_match_8(pattern->code, (PCRE2_SPTR8)(data ? data : ""), data ? len : 0, start, 0, match,
				    pattern->limits);
	if (result >= 0) /* 0: found, with more groups than there was room for */
		return 1;
	if (result == PCRE2_ERROR_NOMATCH)
		return 0;
	pattern_describe(result, why, sizeof(why));
	return error_make(err, ERROR_USAGE, "pattern cannot be matched: %s", why);
}

int pattern_find(const struct pattern *pattern, const char *data, size_t len, struct error **err)
{
	pcre2_match_data_8 *match = pcre.pcre2_match_data_create_8(1, NULL);
	int result = match_from(pattern, data, len, 0, match, err);

	pcre.pcre2_match_data_free_8(match);
	return result;
}

size_t pattern_group_count(const struct pattern *pattern)
{
	uint32_t count = 0;

	pcre.pcre2_pattern_info_8(pattern->code, PCRE2_INFO_CAPTURECOUNT, &count);
	return count < PATTERN_GROUPS_MAX ? count : PATTERN_GROUPS_MAX - 1;
}

const char *pattern_group_name(const struct pattern *pattern, size_t group)
{
	uint32_t count = 0, size = 0;
	PCRE2_SPTR8 table = NULL;

	pcre.pcre2_pattern_info_8(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
	pcre.pcre2_pattern_info_8(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
	pcre.pcre2_pattern_info_8(pattern->code, PCRE2_INFO_NAMETABLE, &table);
	for (uint32_t i = 0; i < count; i++, table += size)
		if ((size_t)(table[0] << 8 | table[1]) == group)
			return (const char *)table + 2;
	return NULL;
}

int pattern_groups(const struct pattern *pattern, const char *data, size_t len, size_t start,
		   size_t ret_offsets[2 * PATTERN_GROUPS_MAX], size_t *ret_groups, struct error **err)
{
	pcre2_match_data_8 *match = pcre.pcre2_match_data_create_8(PATTERN_GROUPS_MAX, NULL);
	int result = match_from(pattern, data, len, start, match, err);

	*ret_groups = pattern_group_count(pattern) + 1;
	for (size_t i = 0; result > 0 && i < 2 * *ret_groups; i++) {
		PCRE2_SIZE offset = pcre.pcre2_get_ovector_pointer_8(match)[i];

		ret_offsets[i] = offset == PCRE2_UNSET ? PATTERN_UNSET : (size_t)offset;
	}
	pcre.pcre2_match_data_free_8(match);
	return result;
}
